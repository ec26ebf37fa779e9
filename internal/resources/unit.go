package resources

import (
	"bytes"

	"google.golang.org/protobuf/proto"
)

// unit is one file of resources, or one folder of a secret: read, checked by itself
// and encoded, all of it once. Nothing in it depends on what stands beside it, so
// that it holds as long as its content does. It is immutable once it is made.
type unit struct {
	resources []*resource
	// complete is false when some resources could not even be told apart, so that
	// nobody can know what the unit defines.
	complete bool
	found    Errors
	warnings []warning
	// all are the references to other resources.
	all []reference
	// static are the references to secrets without a source, which an Envoy takes for
	// secrets of its own start configuration.
	static []reference
}

// newFileUnit reads a file. Resources that are as they were in the earlier snapshot
// keep the bytes that they have there.
func newFileUnit(path string, data []byte, earlier *Snapshot) *unit {
	u := &unit{complete: true}
	u.parse(path, data)
	u.check()
	u.encode(earlier)
	return u
}

// parse decodes the resources of a file.
func (u *unit) parse(path string, data []byte) {
	var nodes []*node
	root, wrong := parse(path, data)
	if wrong == nil {
		nodes, wrong = list(root)
	}
	if wrong != nil {
		u.complete = false
		u.found = append(u.found, Finding{File: path, Line: wrong.line, Problem: wrong.text})
		return
	}
	for _, n := range nodes {
		if u.found.full() {
			u.complete = false
			return
		}
		r, found := decodeResource(path, n)
		u.found = append(u.found, found...)
		if r == nil || r.name == "" {
			u.complete = false
			continue
		}
		u.resources = append(u.resources, r)
	}
}

var serverCluster = identity{clusterType, ServerCluster}

// check validates the messages, and gathers what they refer to.
func (u *unit) check() {
	for _, r := range u.resources {
		if u.found.full() {
			return
		}
		if r.id() == serverCluster {
			u.found = append(u.found, r.findingAt(r.line, "", "is the cluster by which an Envoy reaches this server and comes from its start configuration, which stays in force: give this one another name"))
		}
		if r.message == nil {
			continue
		}
		w := walk{resource: r, each: func(v *visited) { u.gather(r, v) }}
		w.whole(r.message, nil, nil)
		u.found = append(u.found, w.found...)
	}
}

// encode makes of each message what is served, and lets go of what only reading it
// needed: a file's nodes are many times its size.
func (u *unit) encode(earlier *Snapshot) {
	options := proto.MarshalOptions{Deterministic: true}
	secrets, extensions := map[*resource][]string{}, map[*resource][]string{}
	for _, ref := range u.all {
		switch ref.to.message {
		case secretType:
			secrets[ref.from] = append(secrets[ref.from], ref.to.name)
		case extensionType:
			extensions[ref.from] = append(extensions[ref.from], ref.to.name)
		}
	}
	for _, r := range u.resources {
		message := r.message
		r.node, r.message = nil, nil
		if message == nil {
			continue
		}
		body, err := options.Marshal(message)
		if err != nil {
			// The error could quote the text that is not UTF-8, say.
			u.found = append(u.found, r.findingAt(r.line, "", "can't be encoded"))
			continue
		}
		r.served = &Resource{Name: r.name, Message: message, Body: body, Version: bodyVersion(body), Secrets: secrets[r], Extensions: extensions[r]}
		if before := earlier.find(r.kind.URL, r.name); before != nil && bytes.Equal(before.Body, body) {
			r.served = before // all states have the same one
		}
	}
}
