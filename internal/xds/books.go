package xds

import (
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unique"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// books are what is kept of a stream for whoever looks after it: who is at the
// other end, and which responses were accepted or refused.
type books struct {
	log     *slog.Logger
	metrics *metrics
	method  *method
	opened  instant
	// mu is held by the stream's goroutine while it works, and not while it sends: who
	// looks at the stream waits for no client. What only that goroutine reads as well as
	// writes needs it for neither.
	mu   sync.Mutex
	node node // of the first request
}

// A method is what the streams of one method have in common.
type method struct{ service, protocol string }

// A node is what is kept of whom a client says that it is. The rest of it, an Envoy's
// list of all its extensions for one, is of no use.
type node struct {
	id, group string
	agent     unique.Handle[agent] // few, and so shared; only once there was a request
}

// An agent is the software at the other end, by its own word.
type agent struct{ name, version string }

func (b *books) identify(n *corev3.Node) {
	b.node = node{id: n.GetId(), group: n.GetCluster(), agent: unique.Make(agent{
		name: bounded(n.GetUserAgentName(), maxAgentText), version: bounded(agentVersion(n), maxAgentText),
	})}
	b.log.Debug("stream identified", "node", nodeText(n.GetId()), "cluster", nodeText(n.GetCluster()))
}

// agentVersion is that of the software, which an Envoy gives as three numbers, and
// others as a text.
func agentVersion(n *corev3.Node) string {
	if v := n.GetUserAgentBuildVersion().GetVersion(); v != nil {
		numbers := []string{}
		for _, number := range []uint32{v.GetMajorNumber(), v.GetMinorNumber(), v.GetPatch()} {
			numbers = append(numbers, strconv.FormatUint(uint64(number), 10))
		}
		return strings.Join(numbers, ".")
	}
	return n.GetUserAgentVersion()
}

// maxPending and maxToldBytes bound how many responses of a type are remembered, of a
// client that answers none, and how long the names in them are together that it made
// up. The last one is remembered in any case.
const (
	maxPending   = 64
	maxToldBytes = maxNameBytes
)

// sending is called before the response is on its way, so that the answer can't
// come first.
func (b *books) sending(w *watch, nonce uint64, resp *response) {
	w.remember(pending{nonce, resp.version, resp.told, resp.toldBytes})
	w.sent = mark{resp.version, instantNow()}
	w.counts.responses.Inc()
}

// cameWith notes that a client has all of a state from an earlier stream, so that there
// is nothing to send it.
func (b *books) cameWith(w *watch, now *typeState) {
	if w.resumed && w.base == now && len(w.stale)+len(w.leaving) == 0 && w.acked.at == never {
		w.acked = mark{now.version, instantNow()}
	}
}

// answered tells acceptance from refusal from a mere change of subscription: the
// first request that bears a response's nonce answers it, and refuses it when it
// has an error (xDS protocol, "ACK/NACK and versioning").
func (b *books) answered(w *watch, req request) {
	nonce, err := strconv.ParseUint(req.GetResponseNonce(), 10, 64)
	if err != nil {
		return // it answers nothing
	}
	i := slices.IndexFunc(w.pending, func(p pending) bool { return p.nonce == nonce })
	if i < 0 {
		return
	}
	answer := mark{w.pending[i].version, instantNow()}
	detail := req.GetErrorDetail()
	if detail != nil {
		w.refuse(w.pending[:i+1])
	}
	w.pending = slices.Delete(w.pending, 0, i+1) // those before it, too: a client answers in order, and may pass some over
	if w.refusing = detail != nil; w.refusing {
		words := refusalText(detail.GetMessage())
		w.refusal = &refusal{answer, unique.Make(words)}
		w.counts.nacks.Inc()
		b.log.Warn("a client refused its configuration (NACK) and goes on with what it had",
			"type", w.counts.label, "node", nodeText(b.node.id), "cluster", nodeText(b.node.group), "error", words)
		return
	}
	w.acked = answer
	w.counts.acks.Inc()
}

// Bounds of what a peer can put into a log line, or into the view of the fleet, in
// bytes.
const (
	maxAgentText   = 64
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
