package handshake

import (
	"crypto/tls"
	"errors"
	"net"
)

// Patience is how long nobody is shed.
const Patience = patience

// RecyclePause is what lies between two closings.
const RecyclePause = recyclePause

// Texts are the error texts of crypto/tls that the table looks for.
func Texts() []string {
	var texts []string
	for i := range explanations {
		texts = append(texts, explanations[i].marks.texts...)
	}
	return texts
}

// ClassifyText classifies an error of a text, as crypto/tls' own, as a local and
// as a remote alert, of a peer that sent read.
func ClassifyText(text string, read []byte) []Reason {
	c := &conn{}
	c.seen.record(&c.records, read)
	err := errors.New(text)
	return []Reason{
		c.classify(err),
		c.classify(&net.OpError{Op: "local error", Err: err}),
		c.classify(&net.OpError{Op: "remote error", Err: err}),
		c.classify(&tls.CertificateVerificationError{Err: err}),
	}
}
