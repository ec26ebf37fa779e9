package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/contour-xds/contour/internal/fleet"
)

// A statusReport is what contour status found. Its form as JSON is documented in
// docs/howto/fleet-status.md: fields may be added, and none changes.
type statusReport struct {
	Servers []statusServer `json:"servers"`
	Summary statusSummary  `json:"summary"`
	Clients []statusClient `json:"clients"`
}

type statusServer struct {
	Address string `json:"address"`
	Clients int    `json:"clients"`
	Error   string `json:"error,omitempty"`
}

type statusClient struct {
	Server           string       `json:"server"`
	Identity         string       `json:"identity"`
	Rule             string       `json:"rule,omitempty"`
	Group            string       `json:"group"`
	Node             string       `json:"node"`
	Address          string       `json:"address"`
	UserAgent        string       `json:"user_agent"`
	UserAgentVersion string       `json:"user_agent_version"`
	Protocols        []string     `json:"protocols"`
	State            fleet.State  `json:"state"`
	Connected        time.Time    `json:"connected_since"`
	CertificateEnd   time.Time    `json:"certificate_not_after"`
	Root             string       `json:"root"`
	RootIsNewest     bool         `json:"root_is_newest"`
	Types            []statusType `json:"types"`
}

type statusType struct {
	Type         string         `json:"type"`
	URL          string         `json:"type_url"`
	State        fleet.State    `json:"state"`
	Wildcard     bool           `json:"wildcard"`
	Names        int            `json:"names"`
	Sent         *statusVersion `json:"sent,omitempty"`
	Acknowledged *statusVersion `json:"acknowledged,omitempty"`
	Refused      *statusVersion `json:"refused,omitempty"`
}

type statusVersion struct {
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason,omitempty"` // of a refusal
}

func (r *statusReport) add(address string, clients []fleet.Client, err error) {
	server := statusServer{Address: address, Clients: len(clients)}
	if err != nil {
		server.Error = err.Error()
	}
	r.Servers = append(r.Servers, server)
	for i := range clients {
		r.Clients = append(r.Clients, newStatusClient(address, &clients[i]))
	}
}

func newStatusClient(server string, c *fleet.Client) statusClient {
	client := statusClient{
		Server: server, Identity: c.Identity, Rule: c.Rule, Group: c.Group, Node: c.NodeID, Address: c.Address,
		UserAgent: c.UserAgent, UserAgentVersion: c.UserAgentVersion, Protocols: nonNil(c.Protocols), State: c.State(),
		Connected: c.Connected, CertificateEnd: c.CertificateEnd, Root: c.Root, RootIsNewest: c.OnNewestRoot, Types: []statusType{},
	}
	for _, t := range c.Types {
		client.Types = append(client.Types, statusType{
			Type: t.Name, URL: t.URL, State: t.State, Wildcard: t.Wildcard, Names: t.Names,
			Sent: versionAt(t.Sent, ""), Acknowledged: versionAt(t.Acked, ""), Refused: versionAt(t.Refused, t.Reason),
		})
	}
	return client
}

func nonNil[E any](list []E) []E {
	if list == nil {
		return []E{}
	}
	return list
}

func versionAt(m fleet.Mark, reason string) *statusVersion {
	if m.At.IsZero() {
		return nil
	}
	return &statusVersion{m.Version, m.At, reason}
}

// trouble is how bad a client's state is, the worst being the least.
func (c *statusClient) trouble() int {
	switch {
	case c.State != fleet.Synced:
		return slices.Index([]fleet.State{fleet.Refused, fleet.Stale, fleet.NotSent}, c.State)
	case !c.RootIsNewest:
		return 3
	}
	return 4
}

// conclude puts trouble on top, and below it those whose certificate ends next, and
// sums up.
func (r *statusReport) conclude() {
	r.Clients = nonNil(r.Clients)
	slices.SortStableFunc(r.Clients, func(a, b statusClient) int {
		return cmp.Or(cmp.Compare(a.trouble(), b.trouble()), a.CertificateEnd.Compare(b.CertificateEnd),
			cmp.Compare(a.Group, b.Group), cmp.Compare(a.Node, b.Node))
	})
	r.Summary = newStatusSummary(r.Clients)
}

func (r *statusReport) writeJSON(out io.Writer) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	// What JSON lets stand, a terminal may take for a command.
	_, err = fmt.Fprintln(out, escaped(string(data), "\n"))
	return err
}

// printable is a text of a peer's without anything that a terminal would take for a
// command, or show as something else than it is: control characters, and those that
// turn the direction of writing.
func printable(text string) string { return escaped(text, "") }

// escaped writes what is not printable as JSON does, but for what is in keep.
func escaped(text, keep string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsPrint(r) || strings.ContainsRune(keep, r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
