// Package logtest takes what a test's subject logs, and holds it to its silence
// about private keys.
package logtest

import (
	"bytes"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
)

// Buffer is a log that one goroutine writes while another reads. Its zero value is
// ready.
type Buffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// run is how many characters of a secret's base64 are too many, in a row.
const run = 8

// Silent fails the test when text holds any part of secret, as PEM would write it.
// It does not show what it found.
func Silent(t testing.TB, text string, secret []byte) {
	t.Helper()
	body := base64.StdEncoding.EncodeToString(secret)
	for i := 0; i+run <= len(body); i++ {
		if strings.Contains(text, body[i:i+run]) {
			t.Fatalf("private key material is told: characters %d to %d of its base64", i, i+run)
		}
	}
}
