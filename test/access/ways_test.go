package access

import (
	"maps"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// A way is a way to ask for resources of one kind. all are the names of all things of
// the kind, whoever may have them, and some that don't exist, in any order.
type way struct {
	title string
	// script is what is asked, one after the other.
	script func(kind string, all []string) []question
}

// everything is the subscription that says so.
const everything = "*"

func ways() []way {
	return []way{
		{"the wildcard", func(string, []string) []question { return []question{{add: []string{everything}}} }},
		{"no name at all", func(kind string, _ []string) []question { return []question{{silent: !isWhole(kind)}} }},
		{"every name at once", func(_ string, all []string) []question { return []question{{add: all}} }},
		{"one name after the other", func(_ string, all []string) []question {
			var script []question
			for _, name := range all {
				script = append(script, question{add: []string{name}})
			}
			return script
		}},
		{"a subscription that changes", func(_ string, all []string) []question {
			half := len(all) / 2
			return []question{{add: all[:half]}, {add: all[half:], drop: all[:half]}, {add: []string{everything}}, {add: all[:half], drop: all[half:]}}
		}},
		{"the node of somebody else in mid-stream", func(_ string, all []string) []question {
			other := &corev3.Node{Id: spiffeB, Cluster: "b", UserAgentName: "other"}
			return []question{{add: all[:1]}, {add: all[1:], node: other}, {add: []string{everything}, node: &corev3.Node{Cluster: "a"}}}
		}},
		{"everything, having everything", func(_ string, all []string) []question {
			return []question{{add: []string{everything}, versions: having(all), silent: true}} // who has nothing to get may get no answer
		}},
		{"every name, having everything", func(_ string, all []string) []question {
			return []question{{add: all, versions: having(all)}}
		}},
		{"again, after a refusal", func(_ string, all []string) []question {
			return []question{{add: all}, {refuses: true, silent: true}, {add: []string{everything}}}
		}},
	}
}

// having is a client that says it has the names, at versions that there are none of.
func having(names []string) map[string]string {
	versions := map[string]string{}
	for _, name := range names {
		versions[name] = "made up"
	}
	return versions
}

// isWhole is whether naming nothing means everything (xDS protocol, "How the client
// specifies what resources to return").
func isWhole(kind string) bool { return kind == "listener" || kind == "cluster" }

// asked are the names that a script asks for, if it does not ask for everything.
func asked(kind string, script []question) (names map[string]bool, all bool) {
	names = map[string]bool{}
	for _, q := range script {
		for _, name := range q.add {
			names[name] = true
		}
	}
	return names, names[everything] || isWhole(kind) && len(script[0].add) == 0
}

// answers are the names that are to come: what the client may have and asked for.
func answers(v verdict, kind string, script []question) []string {
	names, all := asked(kind, script)
	come := map[string]bool{}
	for _, th := range v.visible {
		if th.kind == kind && (all || names[th.name]) {
			come[th.name] = true
		}
	}
	return slices.Sorted(maps.Keys(come))
}

// namesOf are those of all things of a kind, and two that don't exist.
func namesOf(things []thing, kind string) []string {
	names := []string{"s-a-none", "made-up"}
	for _, th := range things {
		if th.kind == kind && !slices.Contains(names, th.name) {
			names = append(names, th.name)
		}
	}
	return names
}
