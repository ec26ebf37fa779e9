package xds

import (
	"log/slog"
	"regexp"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// books are what is kept of a stream for whoever looks after it: who is at the
// other end, and which responses were accepted or refused.
type books struct {
	log     *slog.Logger
	metrics *metrics
	node    *corev3.Node // of the first request; its nil is a node without a name
}

func (b *books) identify(node *corev3.Node) {
	// The rest of it, an Envoy's list of all its extensions for one, is of no use.
	b.node = &corev3.Node{Id: node.GetId(), Cluster: node.GetCluster()}
	b.log.Debug("stream identified", "node", nodeText(node.GetId()), "cluster", nodeText(node.GetCluster()))
}

// maxPending bounds how many responses of a type are remembered, of a client that
// answers none.
const maxPending = 64

// sending is called before the response is on its way, so that the answer can't
// come first. told are the names that it says something of.
func (b *books) sending(w *watch, told []string) {
	if len(w.pending) == maxPending {
		w.pending = slices.Delete(w.pending, 0, 1)
	}
	w.pending = append(w.pending, pending{w.nonce, told})
	w.counts.responses.Inc()
}

// answered tells acceptance from refusal from a mere change of subscription: the
// first request that bears a response's nonce answers it, and refuses it when it
// has an error (xDS protocol, "ACK/NACK and versioning").
func (b *books) answered(w *watch, req request) {
	i := slices.IndexFunc(w.pending, func(p pending) bool { return p.nonce == req.GetResponseNonce() })
	if i < 0 {
		return
	}
	detail := req.GetErrorDetail()
	if detail != nil {
		w.refuse(w.pending[:i+1])
	}
	w.pending = slices.Delete(w.pending, 0, i+1) // those before it, too: a client answers in order, and may pass some over
	if detail != nil {
		w.counts.nacks.Inc()
		b.log.Warn("a client refused its configuration (NACK) and goes on with what it had",
			"type", w.counts.label, "node", nodeText(b.node.GetId()), "cluster", nodeText(b.node.GetCluster()), "error", refusalText(detail.GetMessage()))
		return
	}
	w.counts.acks.Inc()
}

// Bounds of what a peer can put into a log line, in bytes.
const (
	maxNodeText    = 128
	maxRefusalText = 1024
)

func nodeText(name string) string { return bounded(name, maxNodeText) }

// dumped finds where Envoy's words turn into a dump of the message that it refuses,
// as text, as debug text or as JSON: there, any field can be a key or a password.
var dumped = regexp.MustCompile(`-----BEGIN|\[?goo\.gle/debug|\b\w+\s*:\s*"|\b\w+\s*\{\s|\{\s*"`)

// refusalText is what Envoy says of a configuration, without what it repeats of
// it. The log handler escapes it.
func refusalText(words string) string {
	if at := dumped.FindStringIndex(words); at != nil {
		words = words[:at[0]] + "[configuration left out]"
	}
	return bounded(words, maxRefusalText)
}

func bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
