package bench

import (
	"encoding/binary"
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// The two variants of the protocol.
const (
	sotwVariant  = "sotw"
	deltaVariant = "delta"
)

// Of envoy/service/discovery/v3/discovery.proto.
const (
	responseVersionField   = 1 // of both responses
	responseResourcesField = 2
	responseTypeField      = 4
	responseNonceField     = 5

	sotwRequestVersionField = 1
	sotwRequestTypeField    = 4
	sotwRequestNonceField   = 5
	deltaRequestTypeField   = 2
	deltaRequestNonceField  = 6
)

// A message is what a client makes of a response: enough to acknowledge it.
type message struct {
	typeURL, version, nonce string
	// bytes is how large the response's resources are.
	bytes int
	// resources are the resources of a delta response, if they were to be kept.
	resources map[string]string
}

// receive reads the next response and passes over its resources, unless they are
// to be kept.
func (w *wire) receive(keep bool) (message, error) {
	var prefix [5]byte // compressed or not, and the length
	for i := range prefix {
		var err error
		if prefix[i], err = w.ReadByte(); err != nil {
			return message{}, err
		}
	}
	m := message{}
	for end := w.read + int(binary.BigEndian.Uint32(prefix[1:])); w.read < end; {
		if err := w.field(&m, keep); err != nil {
			return message{}, err
		}
	}
	return m, nil
}

func (w *wire) field(m *message, keep bool) error {
	tag, err := binary.ReadUvarint(w)
	if err != nil {
		return err
	}
	length, err := binary.ReadUvarint(w)
	number, kind := protowire.DecodeTag(tag)
	if err != nil || kind == protowire.VarintType {
		return err
	}
	if kind != protowire.BytesType {
		return fmt.Errorf("a response has a field %d of type %d", number, kind)
	}
	if number == responseResourcesField {
		m.bytes += int(length)
	}
	switch {
	case number == responseVersionField:
		return w.text(&m.version, int(length))
	case number == responseTypeField:
		return w.text(&m.typeURL, int(length))
	case number == responseNonceField:
		return w.text(&m.nonce, int(length))
	case number == responseResourcesField && keep:
		return w.keep(m, int(length))
	}
	return w.discard(int(length))
}

func (w *wire) text(into *string, length int) error {
	b := make([]byte, length)
	for i := range b {
		var err error
		if b[i], err = w.ReadByte(); err != nil {
			return err
		}
	}
	*into = string(b)
	return nil
}

func (w *wire) keep(m *message, length int) error {
	var encoded string
	if err := w.text(&encoded, length); err != nil {
		return err
	}
	var r discovery.Resource
	if err := proto.Unmarshal([]byte(encoded), &r); err != nil {
		return err
	}
	if m.resources == nil {
		m.resources = make(map[string]string)
	}
	m.resources[r.GetName()] = r.GetVersion()
	return nil
}

// A dialect is how one variant of the protocol is spoken.
type dialect struct {
	method string
	// ask subscribes to all resources of a type. has is what the client has of them.
	ask func(node *corev3.Node, typeURL string, has map[string]string) proto.Message
	// ack accepts a response.
	ack func(m message) []byte
}

const serviceName = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"

// dialects are both variants.
func dialects() map[string]dialect {
	return map[string]dialect{
		sotwVariant: {
			method: serviceName + "StreamAggregatedResources",
			ask: func(node *corev3.Node, typeURL string, _ map[string]string) proto.Message {
				return &discovery.DiscoveryRequest{Node: node, TypeUrl: typeURL}
			},
			ack: func(m message) []byte {
				b := appendText(nil, sotwRequestVersionField, m.version)
				b = appendText(b, sotwRequestTypeField, m.typeURL)
				return appendText(b, sotwRequestNonceField, m.nonce)
			},
		},
		deltaVariant: {
			method: serviceName + "DeltaAggregatedResources",
			ask: func(node *corev3.Node, typeURL string, has map[string]string) proto.Message {
				return &discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: typeURL, InitialResourceVersions: has}
			},
			ack: func(m message) []byte {
				return appendText(appendText(nil, deltaRequestTypeField, m.typeURL), deltaRequestNonceField, m.nonce)
			},
		},
	}
}

func appendText(b []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
}
