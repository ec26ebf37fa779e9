package xds

import (
	"errors"
	"fmt"
	"unicode/utf8"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// A deltaRequest is a request of the delta variant. What its client has is kept out
// of the message, since a client that comes back lists everything, and of many at
// once: a map of it would be most of what a restart costs.
type deltaRequest struct {
	discovery.DeltaDiscoveryRequest // without initial_resource_versions
	has                             heldList
}

// A heldList is what a client says that it has: the fields of
// initial_resource_versions as they came. So it takes no more memory than the request
// did, whatever the request is.
type heldList []byte

// each calls f with name and version of each, in the order in which they came, which
// are for f to look at and not to keep. It fails at one that is malformed, as
// [proto.Unmarshal] would.
func (l heldList) each(f func(name, version []byte)) error {
	for rest := []byte(l); len(rest) > 0; {
		field, err := cutField(&rest)
		if err != nil {
			return err
		}
		name, version, err := cutEntry(field.text)
		if err != nil {
			return err
		}
		f(name, version)
	}
	return nil
}

// Numbers of fields of the message DeltaDiscoveryRequest
// (envoy/service/discovery/v3/discovery.proto), and of the entries of a map.
const (
	heldField = 5

	mapKeyField   = 1
	mapValueField = 2
)

var (
	errNumber  = errors.New("a field's number is out of range")
	errNotUTF8 = errors.New("initial_resource_versions holds text that is not UTF-8")
)

// unmarshal decodes a request as it came. What the client has is only set apart: to
// check it here and to compare it later would be to go through it twice.
func (r *deltaRequest) unmarshal(data mem.BufferSlice) error {
	wire := data.Materialize()
	r.has = wire[:0] // written behind what is read
	others := make([]byte, 0, min(len(wire), 1<<10))
	for len(wire) > 0 {
		f, err := cutField(&wire)
		if err != nil {
			return fmt.Errorf("decoding a request: %w", err)
		}
		if f.number == heldField && f.text != nil {
			r.has = append(r.has, f.whole...)
		} else {
			others = append(others, f.whole...)
		}
	}
	if err := proto.Unmarshal(others, &r.DeltaDiscoveryRequest); err != nil {
		return fmt.Errorf("decoding a request: %w", err)
	}
	return nil
}

// cutEntry takes an entry of a map apart, which is a message of a key and a value,
// either of which may be missing (Protocol Buffers, "Maps").
func cutEntry(entry []byte) (name, version []byte, err error) {
	// As nearly all are, it is decoded in half the time.
	if name, rest, ok := cutShort(entry, mapKeyField); ok {
		if version, rest, ok := cutShort(rest, mapValueField); ok && len(rest) == 0 && utf8.Valid(name) && utf8.Valid(version) {
			return name, version, nil
		}
	}
	for len(entry) > 0 {
		f, err := cutField(&entry)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case f.text == nil, f.number != mapKeyField && f.number != mapValueField: // unknown
			continue
		case !utf8.Valid(f.text):
			return nil, nil, errNotUTF8
		case f.number == mapKeyField:
			name = f.text
		default:
			version = f.text
		}
	}
	return name, version, nil
}

// cutShort takes the text of a field of that number from the front, if that is what is
// there and it is shorter than 128 bytes.
func cutShort(wire []byte, number protowire.Number) (text, rest []byte, ok bool) {
	const head = 2 // tag and length, of a byte each
	if len(wire) < head || uint64(wire[0]) != protowire.EncodeTag(number, protowire.BytesType) || wire[1] >= 0x80 || len(wire)-head < int(wire[1]) {
		return nil, nil, false
	}
	end := head + int(wire[1])
	return wire[head:end], wire[end:], true
}

// A wireField is an encoded field of a message, with its tag as whole, and without
// as text if it is of bytes; nil if it is not.
type wireField struct {
	number      protowire.Number
	whole, text []byte
}

// cutField takes the first field from wire.
func cutField(wire *[]byte) (wireField, error) {
	number, kind, tag := protowire.ConsumeTag(*wire)
	switch {
	case tag < 0:
		return wireField{}, protowire.ParseError(tag)
	case number > protowire.MaxValidNumber:
		return wireField{}, errNumber
	}
	size := protowire.ConsumeFieldValue(number, kind, (*wire)[tag:])
	if size < 0 {
		return wireField{}, protowire.ParseError(size)
	}
	f := wireField{number: number, whole: (*wire)[:tag+size]}
	if kind == protowire.BytesType {
		f.text, _ = protowire.ConsumeBytes(f.whole[tag:])
	}
	*wire = (*wire)[tag+size:]
	return f, nil
}
