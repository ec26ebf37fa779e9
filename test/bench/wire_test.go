package bench

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
)

// A wire is the client's end of an HTTP/2 connection with one stream on it, and
// does what that takes and no more: a thousand of them must not be the greater part
// of what is measured. It reads and writes on one goroutine. Its windows are as wide
// as an Envoy's, so that a server never waits for them.
type wire struct {
	conn *tls.Conn
	in   *bufio.Reader
	left int // of the DATA frame that is being read
	read int // bytes of messages so far

	received int // bytes of frames so far
	credited int // how many of them the server may forget

	// What may be sent on the connection and on the stream, and the latter's size at
	// the beginning.
	window, streamWindow, initialWindow int
}

// Of RFC 9113: types of frames, flags, settings, and limits that hold unless the
// peer says otherwise.
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	framePing         = 6
	frameGoAway       = 7
	frameWindowUpdate = 8

	flagEndStream  = 1
	flagAck        = 1
	flagEndHeaders = 4

	settingInitialWindow = 4

	maxFrameBytes  = 16 << 10
	defaultWindow  = 1<<16 - 1
	streamID       = 1
	connectionID   = 0
	clientPreface  = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	settingBytes   = 6
	generousWindow = 1 << 28 // what Envoy gives by default
)

func newWire(conn *tls.Conn) *wire {
	return &wire{
		conn: conn, in: bufio.NewReaderSize(conn, maxFrameBytes+frameHeaderBytes),
		window: defaultWindow, streamWindow: defaultWindow, initialWindow: defaultWindow,
	}
}

// open begins the connection and its stream, by a call of the method.
func (w *wire) open(method string) error {
	b := []byte(clientPreface)
	b = appendHeader(b, settingBytes, frameSettings, 0, connectionID)
	b = binary.BigEndian.AppendUint16(b, settingInitialWindow)
	b = binary.BigEndian.AppendUint32(b, generousWindow)
	b = appendCredit(b, connectionID, generousWindow)
	var fields []byte
	for _, field := range [][2]string{
		{":method", "POST"},
		{":scheme", "https"},
		{":path", method},
		{":authority", "bench"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		// A literal without indexing, RFC 7541, section 6.2.2. All are shorter than 127.
		fields = append(fields, 0, byte(len(field[0])))
		fields = append(fields, field[0]...)
		fields = append(fields, byte(len(field[1])))
		fields = append(fields, field[1]...)
	}
	b = appendHeader(b, len(fields), frameHeaders, flagEndHeaders, streamID)
	_, err := w.conn.Write(append(b, fields...))
	return err
}

// send sends a message of gRPC.
func (w *wire) send(message []byte) error {
	rest := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	rest = append(rest, message...)
	for len(rest) > 0 {
		n := min(len(rest), maxFrameBytes, w.window, w.streamWindow)
		if n <= 0 {
			if err := w.control(); err != nil {
				return err
			}
			continue
		}
		frame := appendHeader(make([]byte, 0, frameHeaderBytes+n), n, frameData, 0, streamID)
		if _, err := w.conn.Write(append(frame, rest[:n]...)); err != nil {
			return err
		}
		rest, w.window, w.streamWindow = rest[n:], w.window-n, w.streamWindow-n
	}
	return nil
}

// control reads one frame, which can't be DATA since nothing was asked for yet.
func (w *wire) control() error {
	if err := w.frame(); err != nil {
		return err
	}
	if w.left > 0 {
		return errors.New("an answer came before the question was asked")
	}
	return nil
}

// ReadByte and discard read what is in the DATA frames.
func (w *wire) ReadByte() (byte, error) {
	if err := w.data(); err != nil {
		return 0, err
	}
	w.left--
	w.read++
	return w.in.ReadByte()
}

func (w *wire) discard(n int) error {
	for n > 0 {
		if err := w.data(); err != nil {
			return err
		}
		discarded, err := w.in.Discard(min(n, w.left))
		if err != nil {
			return err
		}
		n, w.left, w.read = n-discarded, w.left-discarded, w.read+discarded
	}
	return nil
}

// data reads frames up to the next that has DATA.
func (w *wire) data() error {
	for w.left == 0 {
		if err := w.frame(); err != nil {
			return err
		}
	}
	return nil
}

// frame reads a frame, but for the DATA in it.
func (w *wire) frame() error {
	header, err := w.in.Peek(frameHeaderBytes)
	if err != nil {
		return err
	}
	length := int(binary.BigEndian.Uint32(header) >> 8)
	kind, flags, stream := header[3], header[4], binary.BigEndian.Uint32(header[5:])
	_, _ = w.in.Discard(frameHeaderBytes)
	w.received += frameHeaderBytes + length
	ends := kind == frameReset || kind == frameGoAway || (kind == frameData || kind == frameHeaders) && flags&flagEndStream != 0
	switch {
	case ends:
		return fmt.Errorf("the server ends the stream by a frame of type %d", kind)
	case kind == frameData:
		w.left = length
		return w.credit()
	}
	payload, err := w.in.Peek(length)
	if err != nil {
		return err
	}
	defer func() { _, _ = w.in.Discard(length) }()
	return w.handle(kind, flags, stream, payload)
}

func (w *wire) handle(kind, flags byte, stream uint32, payload []byte) error {
	switch {
	case kind == frameWindowUpdate && stream == connectionID:
		w.window += int(binary.BigEndian.Uint32(payload))
	case kind == frameWindowUpdate:
		w.streamWindow += int(binary.BigEndian.Uint32(payload))
	case kind == frameSettings && flags&flagAck == 0:
		for ; len(payload) >= settingBytes; payload = payload[settingBytes:] {
			if binary.BigEndian.Uint16(payload) == settingInitialWindow {
				size := int(binary.BigEndian.Uint32(payload[2:]))
				w.streamWindow, w.initialWindow = w.streamWindow+size-w.initialWindow, size
			}
		}
		return w.write(appendHeader(nil, 0, frameSettings, flagAck, connectionID))
	case kind == framePing && flags&flagAck == 0:
		return w.write(append(appendHeader(nil, len(payload), framePing, flagAck, connectionID), payload...))
	}
	return nil
}

// credit lets the server send more, when half of what it could send has come.
func (w *wire) credit() error {
	more := w.received - w.credited
	if more < generousWindow/2 {
		return nil
	}
	w.credited = w.received
	return w.write(appendCredit(appendCredit(nil, connectionID, more), streamID, more))
}

func (w *wire) write(b []byte) error {
	_, err := w.conn.Write(b)
	return err
}

func appendHeader(b []byte, length int, kind, flags byte, stream uint32) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(length)<<8|uint32(kind))
	return binary.BigEndian.AppendUint32(append(b, flags), stream)
}

func appendCredit(b []byte, stream uint32, more int) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(b, 4, frameWindowUpdate, 0, stream), uint32(more))
}
