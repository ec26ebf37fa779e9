package xds

import (
	"errors"
	"fmt"
	"slices"
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

	memory    mem.Buffer // of has; nil where that is empty
	scattered bool       // has is no part of memory, but put together
}

// release gives back the memory of what the client has, which nobody may look at any
// more. The memory of a request that nobody takes is left to the garbage collector.
func (r *deltaRequest) release() {
	if r.memory != nil {
		r.memory.Free()
	}
	r.memory, r.has, r.scattered = nil, nil, false
}

// requestMemory is where requests are put together. Hundreds come at once after a
// restart, each as long as the list of all that its client has: allocated anew, they
// would be a fifth of the garbage of that minute.
var requestMemory = requestPool()

func requestPool() mem.BufferPool {
	var sizes []uint8 // as powers of two
	for size := uint8(12); 1<<size <= maxRequestBytes; size++ {
		sizes = append(sizes, size)
	}
	pool, err := mem.NewBinaryTieredBufferPool(sizes...)
	if err != nil {
		panic(err) // of sizes that no address space has
	}
	return pool
}

// A heldList is what a client says that it has: the fields of
// initial_resource_versions as they came. So it takes no more memory than the request
// did, whatever the request is.
type heldList []byte

// each calls f with name and version of each, in the order in which they came, which
// are for f to look at and not to keep. It fails at one that is malformed, as
// [proto.Unmarshal] would.
func (l heldList) each(f func(name, version []byte)) error {
	checked := utf8.Valid(l) // if all of it is, so is each text in it that stands between bytes of ASCII
	for rest := []byte(l); len(rest) > 0; {
		entry, behind, ok := cutShort(rest, heldField)
		if ok {
			rest = behind
		} else {
			field, err := cutField(&rest)
			if err != nil {
				return err
			}
			entry = field.text
		}
		// A tag need not be written in the fewest bytes, and what follows would then begin
		// with one that can end a character.
		known := checked && ok && (len(rest) == 0 || rest[0] < utf8.RuneSelf)
		name, version, err := cutEntry(entry, known)
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
	r.memory = data.MaterializeToBuffer(requestMemory)
	wire := r.memory.ReadOnlyData()
	others := make([]byte, 0, min(len(wire), 1<<10))
	for len(wire) > 0 {
		if run := shortRun(wire, heldField); run > 0 {
			r.hold(wire[:run])
			wire = wire[run:]
			continue
		}
		f, err := cutField(&wire)
		if err != nil {
			return fmt.Errorf("decoding a request: %w", err)
		}
		if f.number == heldField && f.text != nil {
			r.hold(f.whole)
		} else {
			others = append(others, f.whole...)
		}
	}
	if len(r.has) == 0 {
		r.release()
	}
	if err := proto.Unmarshal(others, &r.DeltaDiscoveryRequest); err != nil {
		return fmt.Errorf("decoding a request: %w", err)
	}
	return nil
}

// hold adds fields to what the client has. Nearly always they are all in one place,
// and stay there.
func (r *deltaRequest) hold(fields []byte) {
	end := len(r.has)
	switch {
	case r.has == nil:
		r.has = fields
	case r.scattered:
		r.has = append(r.has, fields...)
	case end < cap(r.has) && &r.has[:end+1][end] == &fields[0]: // right behind
		r.has = r.has[:end+len(fields)]
	default:
		r.has, r.scattered = slices.Concat(r.has, fields), true
	}
}

// cutEntry takes an entry of a map apart, which is a message of a key and a value,
// either of which may be missing (Protocol Buffers, "Maps"). checked says that it is
// known to be UTF-8.
func cutEntry(entry []byte, checked bool) (name, version []byte, err error) {
	// As nearly all are, it is decoded in half the time.
	if name, rest, ok := cutShort(entry, mapKeyField); ok {
		if version, rest, ok := cutShort(rest, mapValueField); ok && len(rest) == 0 && (checked || utf8.Valid(entry)) {
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
// there and it is shorter than 128 bytes. Tag and length are then ASCII, a byte each.
func cutShort(wire []byte, number protowire.Number) (text, rest []byte, ok bool) {
	end := shortField(wire, number)
	if end == 0 {
		return nil, nil, false
	}
	return wire[shortHead:end], wire[end:], true
}

// shortRun is how many bytes at the front are fields of that number that are shorter
// than 128 bytes.
func shortRun(wire []byte, number protowire.Number) int {
	run := 0
	for {
		field := shortField(wire[run:], number)
		if field == 0 {
			return run
		}
		run += field
	}
}

const shortHead = 2 // tag and length

// shortField is the length of the field at the front, with its tag, if it is of that
// number and shorter than 128 bytes; 0 if it is not.
func shortField(wire []byte, number protowire.Number) int {
	if len(wire) < shortHead || uint64(wire[0]) != protowire.EncodeTag(number, protowire.BytesType) || wire[1] >= 0x80 {
		return 0
	}
	end := shortHead + int(wire[1])
	if len(wire) < end {
		return 0
	}
	return end
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
