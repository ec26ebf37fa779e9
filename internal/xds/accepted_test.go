package xds_test

import "strings"

// A difference from go-control-plane is one that is meant to be.
type difference struct {
	name, reason string
	delta        bool
	// ours and theirs are the same acts and what comes of them. The acts alone stand
	// where theirs would never end.
	ours, theirs script
	// explains tells whether a client of theirs can end up without what it wants, or
	// with what is gone, after a script.
	explains func(script) bool
}

// accepted are all differences.
var accepted = []difference{
	{
		name:   "a refusal is answered with what was refused, at once and for ever",
		reason: "a client that refuses goes on refusing: the loop costs both sides all they have, and says nothing new",
		ours: `
			publish cluster/a@1
			> cluster
			< cluster a@1
			publish cluster/a@2
			< cluster a@2 refused`,
		theirs: `
			publish cluster/a@1
			> cluster
			< cluster a@1
			publish cluster/a@2
			< cluster a@2 refused
			< cluster a@2 refused
			< cluster a@2 refused
			< cluster a@2`,
	},
	{
		name:   "what was refused beside a mistake counts as known in delta",
		reason: "an Envoy that refuses a response may have taken over none of it, and would go without the rest until that changes",
		delta:  true,
		ours: `
			publish route/bad@1 route/good@1
			> route +bad +good
			< route bad@1 good@1
			publish route/bad@2 route/good@2
			< route bad@2 good@2 refused
			publish route/bad@3 route/good@2
			< route bad@3 good@2`,
		theirs: `
			publish route/bad@1 route/good@1
			> route +bad +good
			< route bad@1 good@1
			publish route/bad@2 route/good@2
			< route bad@2 good@2 refused
			publish route/bad@3 route/good@2
			< route bad@3`,
	},
	{
		name:   "a name that never existed is not answered in delta",
		reason: "the protocol wants it told as removed; an Envoy waits until its timeout else",
		delta:  true,
		ours: `
			publish
			> secret +none
			< secret -none`,
		theirs: `
			publish
			> secret +none`,
	},
	{
		name:   "a name that is subscribed again is not sent again in delta",
		reason: "the protocol says so: a client may have dropped it meanwhile, as Envoy does with endpoints of a cluster that is warming",
		delta:  true,
		ours: `
			publish endpoint/a@1
			> endpoint +a
			< endpoint a@1
			> endpoint +a
			< endpoint a@1`,
		theirs: `
			publish endpoint/a@1
			> endpoint +a
			< endpoint a@1
			> endpoint +a`,
	},
	{
		name:   "what it names is not sent again to a delta client that reconnects with it",
		reason: "an Envoy lists an endpoint set that its new cluster still waits for",
		delta:  true,
		ours: `
			publish endpoint/a@1
			> endpoint +a
			< endpoint a@1
			reconnect
			> endpoint +a
			< endpoint a@1`,
		theirs: `
			publish endpoint/a@1
			> endpoint +a
			< endpoint a@1
			reconnect
			> endpoint +a`,
	},
	{
		name:   "everything is sent again to a client of the state of the world that reconnects with a set of its own",
		reason: "versions are hashes of the set here, and so tell that it is the very set",
		ours: `
			publish cluster/a@1
			> cluster
			< cluster a@1
			reconnect
			> cluster`,
		theirs: `
			publish cluster/a@1
			> cluster
			< cluster a@1
			reconnect
			> cluster
			< cluster a@1`,
	},
	{
		name:   "any change of a type is answered with all that is named of it",
		reason: "of the types that a client keeps when they are missing only what changed is sent: a thousand endpoint sets are not sent for one",
		ours: `
			publish endpoint/a@1 endpoint/b@1 endpoint/c@1
			> endpoint +a +b
			< endpoint a@1 b@1
			publish endpoint/a@1 endpoint/b@1 endpoint/c@2
			publish endpoint/a@1 endpoint/b@2 endpoint/c@2
			< endpoint b@2`,
		theirs: `
			publish endpoint/a@1 endpoint/b@1 endpoint/c@1
			> endpoint +a +b
			< endpoint a@1 b@1
			publish endpoint/a@1 endpoint/b@1 endpoint/c@2
			< endpoint a@1 b@1
			publish endpoint/a@1 endpoint/b@2 endpoint/c@2
			< endpoint a@1 b@2`,
	},
	{
		name:   "a client of the state of the world that gave up everything is sent everything",
		reason: "an empty list means no wildcard any more once something was named",
		ours: `
			publish endpoint/a@1 endpoint/b@1
			> endpoint +a
			< endpoint a@1
			> endpoint -a
			publish endpoint/a@1 endpoint/b@2`,
		theirs: `
			publish endpoint/a@1 endpoint/b@1
			> endpoint +a
			< endpoint a@1
			> endpoint -a
			publish endpoint/a@1 endpoint/b@2
			< endpoint a@1 b@2`,
		// What was sent that way counts as known when it is wanted later.
		explains: givesUpAll,
	},
	{
		name:   "a name that does not exist is not answered in the state of the world when another was answered before",
		reason: "a client waits for an answer to what it asks",
		ours: `
			publish endpoint/a@1
			> endpoint +a
			< endpoint a@1
			> endpoint +none
			< endpoint`,
		theirs: `
			publish endpoint/a@1
			> endpoint +a
			< endpoint a@1
			> endpoint +none`,
	},
	{
		name:   "the wildcard by its name is one more name in the state of the world",
		reason: "the protocol has it for everything; the snapshot cache looks for a resource that is called so, and answers each acceptance with nothing, for ever",
		ours: `
			publish cluster/a@1
			> cluster +*
			< cluster a@1`,
		explains: func(s script) bool { return strings.Contains(string(s), "+*") },
	},
	{
		name:   "what is removed goes at once",
		reason: "a route may still refer to it: make before break",
		delta:  true,
		ours: `
			publish cluster/old@1 route/r>old@1
			> cluster
			< cluster old@1
			> route +r
			< route r@1
			publish cluster/new@1 route/r>new@2
			< cluster new@1
			< route r@2
			< cluster -old`,
	},
	{
		name:   "what a client dropped with the wildcard counts as known when it comes back to it in delta",
		reason: "a client that unsubscribes drops it, so that it is to be sent again",
		delta:  true,
		ours: `
			publish cluster/a@1
			> cluster +*
			< cluster a@1
			> cluster -*
			> cluster +*
			< cluster a@1`,
		theirs: `
			publish cluster/a@1
			> cluster +*
			< cluster a@1
			> cluster -*
			> cluster +*
			< cluster`,
		explains: func(s script) bool { return strings.Contains(string(s), "-*") },
	},
}

// givesUpAll tells whether a client takes back all names of a type that it has named.
func givesUpAll(all script) bool {
	names := make(map[string]map[string]bool)
	for line := range strings.Lines(string(all)) {
		words := strings.Fields(line)
		if words[0] == "reconnect" {
			clear(names)
		}
		if words[0] != ">" {
			continue
		}
		if names[words[1]] == nil {
			names[words[1]] = make(map[string]bool)
		}
		for _, word := range words[2:] {
			if word[0] == '+' {
				names[words[1]][word[1:]] = true
			} else {
				delete(names[words[1]], word[1:])
			}
		}
		if len(words) > 2 && len(names[words[1]]) == 0 {
			return true
		}
	}
	return false
}
