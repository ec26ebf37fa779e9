package xds

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/contour-xds/contour/internal/resources"
)

// Numbers of the fields that are written here, of the messages DiscoveryResponse,
// DeltaDiscoveryResponse and Resource (envoy/service/discovery/v3/discovery.proto)
// and of google.protobuf.Any.
const (
	sotwVersionField  = 1
	resourcesField    = 2 // of both responses, and the body of a Resource
	sotwTypeField     = 4
	nonceField        = 5 // of both
	deltaVersionField = 1
	deltaTypeField    = 4
	deltaRemovedField = 6

	resourceVersionField = 1
	resourceBodyField    = 2
	resourceNameField    = 3

	anyTypeField  = 1
	anyValueField = 2
)

// newResource encodes a resource once for both variants of the protocol: the body
// of a delta Resource has the number of the resources of a state-of-the-world
// response, so that the latter is the end of the former.
func newResource(url string, r *resources.Resource) *resource {
	body := appendText(nil, anyTypeField, url)
	body = appendBytes(body, anyValueField, r.Body)
	inner := appendText(nil, resourceVersionField, r.Version)
	inner = appendText(inner, resourceNameField, r.Name)
	head := len(inner)
	inner = appendBytes(inner, resourceBodyField, body)
	whole := slices.Clip(appendBytes(nil, resourcesField, inner))
	return &resource{name: r.Name, version: r.Version, delta: whole, sotw: whole[len(whole)-len(inner)+head:], endpoints: endpointsOf(r), secrets: r.Secrets, extensions: r.Extensions}
}

// endpointsOf is the name by which a cluster's endpoints are asked for (Envoy,
// EdsClusterConfig.service_name); empty for one without, and for what is no cluster.
func endpointsOf(r *resources.Resource) string {
	cluster, ok := r.Message.(*clusterv3.Cluster)
	if !ok || cluster.GetType() != clusterv3.Cluster_EDS {
		return ""
	}
	return cmp.Or(cluster.GetEdsClusterConfig().GetServiceName(), r.Name)
}

func appendText(b []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
}

func appendBytes(b []byte, field protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), value)
}

// join puts fields behind each other, so that many are one buffer.
func join(all []*resource, field func(*resource) []byte) []byte {
	size := 0
	for _, r := range all {
		size += len(field(r))
	}
	joined := make([]byte, 0, size)
	for _, r := range all {
		joined = append(joined, field(r)...)
	}
	return joined
}

func sotwField(r *resource) []byte  { return r.sotw }
func deltaField(r *resource) []byte { return r.delta }

// sotwFields is all resources of the state. What a state adds to another stands behind
// what it has in common with others that do.
func (s *typeState) sotwFields() [][]byte {
	own := s.fields.get(func() []byte { return join(s.all, sotwField) })
	if s.below == nil {
		return [][]byte{own}
	}
	return append(s.below.sotwFields(), own)
}

// deltaFields is what changed, in the same manner.
func (d *diff) deltaFields() [][]byte {
	if d.below != nil {
		return append(d.below.deltaFields(), join(d.added, deltaField))
	}
	return [][]byte{d.fields.get(func() []byte { return join(d.changed, deltaField) })}
}

// versionOf is the version of a set that is not the whole: a hash of names and
// versions, so that no subset bears the version of another, or of the whole.
func versionOf(sets ...[]*resource) string {
	h := sha256.New()
	var b []byte
	for _, set := range sets {
		for _, r := range set {
			b = appendText(b[:0], 1, r.name)
			b = appendText(b, 2, r.version)
			h.Write(b)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// A response is an encoded response: what is shared with others, and a few bytes
// of its own. Fields of a message may come in any order (Protocol Buffers, "Encoding:
// Last One Wins"), so that what differs stands behind what does not.
type response struct {
	shared    [][]byte
	own       []byte
	resources int // how many it holds
	version   string
	// told are the names of what it says something new of, and toldBytes is how long those
	// of them are that the client made up: the others are shared.
	told      []string
	toldBytes int
}

func (r *response) tell(all []*resource) { r.told = append(r.told, namesOf(all)...) }

func namesOf(all []*resource) []string {
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.name
	}
	return names
}

// newResponse has room for what a stream adds of its own: two hashes, a type and a
// nonce.
func newResponse() *response { return &response{own: make([]byte, 0, 192)} }

func (r *response) buffers() mem.BufferSlice {
	buffers := make(mem.BufferSlice, 0, len(r.shared)+1)
	for _, b := range r.shared {
		if len(b) > 0 {
			buffers = append(buffers, mem.SliceBuffer(b))
		}
	}
	return append(buffers, mem.SliceBuffer(r.own))
}

// share adds the fields of resources: one by one while that saves a copy, else
// together, since each buffer costs the transport a step.
func (r *response) share(all []*resource, field func(*resource) []byte) {
	r.resources += len(all)
	if len(all) > maxBuffers {
		r.shared = append(r.shared, join(all, field))
		return
	}
	for _, one := range all {
		r.shared = append(r.shared, field(one))
	}
}

const maxBuffers = 8

// codec hands the buffers of a response out as they are, takes a delta request in
// without a map, and leaves every other message to gRPC's own codec. It is safe for concurrent use.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// Marshal implements [encoding.CodecV2].
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(*response); ok {
		return r.buffers(), nil
	}
	out, err := c.CodecV2.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	return out, nil
}

// Unmarshal implements [encoding.CodecV2].
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*deltaRequest); ok {
		return r.unmarshal(data)
	}
	if err := c.CodecV2.Unmarshal(data, v); err != nil {
		return fmt.Errorf("decoding %T: %w", v, err)
	}
	return nil
}
