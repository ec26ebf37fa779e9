package resources

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

var decoder = protojson.UnmarshalOptions{Resolver: known}

// decodeMessage reads a resource's node into its message. What protojson says when
// it can't is never passed on, since it quotes what it read: the place is found
// anew by [diagnosis], which knows lines and fields besides. Most files never come
// to that.
func decodeMessage(r *resource, message proto.Message) Errors {
	n := withoutType(r.node)
	if decoder.Unmarshal(n.appendJSON(nil), message) == nil {
		return nil
	}
	d := diagnosis{resource: r}
	d.message(n, message.ProtoReflect().Descriptor(), nil)
	if len(d.found) > 0 {
		return d.found
	}
	proto.Reset(message)
	if d.mended && decoder.Unmarshal(n.appendJSON(nil), message) == nil {
		return nil
	}
	return Errors{r.findingAt(n.line, "", "can't be read as "+string(message.ProtoReflect().Descriptor().FullName()))}
}

// withoutType returns the object without its @type, which is no field of it.
func withoutType(n *node) *node {
	bare := &node{shape: object, line: n.line, members: make([]member, 0, len(n.members))}
	for _, m := range n.members {
		if m.key != "@type" {
			bare.members = append(bare.members, m)
		}
	}
	return bare
}
