package handshake

import "encoding/binary"

// Lengths of a record of TLS (RFC 8446, section 5.1).
const (
	recordHead = 5 // type, version and length
	// recordAhead is how much is read at least: the head, and with it the whole of a
	// small record. It is what crypto/tls has room for when its buffer is new.
	recordAhead = 512
)

// A recordReader keeps reads from going beyond the record that the TLS connection
// waits for. crypto/tls offers all of its buffer to a read, and doubles the buffer
// when what it got ahead is in the way of the next record: one that was sent 64 KiB at
// a time ends up with 72 KiB for as long as it lives, and has dropped as much on the
// way. Read record by record, it stays with what one record takes, 18 KiB at most. A
// large record takes a second system call for that.
type recordReader struct {
	head [recordHead]byte
	have int // bytes of head that came
	rest int // bytes of the record's body that are to come
}

// limit is how much of n bytes may be read now.
func (r *recordReader) limit(n int) int {
	if r.rest > 0 {
		return min(n, r.rest)
	}
	return min(n, recordAhead)
}

// pass follows what was read.
func (r *recordReader) pass(b []byte) {
	for len(b) > 0 {
		_, b = r.next(b)
	}
}

// next follows what was read as far as one record goes, and returns what of it is in
// the record's body, and what is behind.
func (r *recordReader) next(b []byte) (body, behind []byte) {
	if r.rest == 0 {
		n := copy(r.head[r.have:], b)
		b = b[n:]
		if r.have += n; r.have < recordHead {
			return nil, nil
		}
		r.have, r.rest = 0, r.length()
	}
	n := min(r.rest, len(b))
	r.rest -= n
	return b[:n], b[n:]
}

// length is that of the record's body, once its head has come.
func (r *recordReader) length() int { return int(binary.BigEndian.Uint16(r.head[recordHead-2:])) }
