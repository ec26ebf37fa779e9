package xds

import (
	"errors"
	"fmt"
	"iter"
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
// initial_resource_versions as they came, each of which can be decoded. So it takes
// no more memory than the request did, whatever the request is.
type heldList []byte

// all gives name and version of each, in the order in which they came.
func (l heldList) all() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, version []byte) bool) {
		for rest := []byte(l); len(rest) > 0; {
			f, _ := cutField(&rest)
			name, version, _ := cutEntry(f.text)
			if !yield(name, version) {
				return
			}
		}
	}
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

// unmarshal decodes a request as it came. What it refuses is what
// [proto.Unmarshal] refuses.
func (r *deltaRequest) unmarshal(data mem.BufferSlice) error {
	wire := data.Materialize()
	r.has = wire[:0] // written behind what is read
	others := make([]byte, 0, min(len(wire), 1<<10))
	for len(wire) > 0 {
		f, err := cutField(&wire)
		if err == nil && f.number == heldField && f.text != nil {
			_, _, err = cutEntry(f.text)
			r.has = append(r.has, f.whole...)
		} else {
			others = append(others, f.whole...)
		}
		if err != nil {
			return fmt.Errorf("decoding a request: %w", err)
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
