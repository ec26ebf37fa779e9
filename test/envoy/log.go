package envoy

import (
	"io"
	"os"
	"regexp"
)

// logLimit bounds how much of a log a failed test shows, in bytes.
const logLimit = 64 << 10

// Log returns the end of what Envoy has logged, without private keys.
func (e *Envoy) Log() string {
	e.t.Helper()
	tail, err := readTail(e.logPath, logLimit)
	if err != nil {
		e.t.Errorf("reading Envoy's log: %v", err)
	}
	return redact(tail)
}

func readTail(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(file, max(0, size-limit), limit))
}

var (
	// Line breaks may be spelled out, in a debug log's quotation, and the end cut off.
	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)`)
	// What ends without having begun is a key whose beginning is cut off.
	headOfKey = regexp.MustCompile(`(?s)\A.*-----END [A-Z ]*PRIVATE KEY-----`)
)

func redact(log []byte) string {
	log = privateKey.ReplaceAll(log, []byte("(private key)"))
	return string(headOfKey.ReplaceAll(log, []byte("(private key)")))
}
