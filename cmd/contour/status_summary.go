package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/contour-xds/contour/internal/fleet"
)

// A statusSummary answers what is asked first.
type statusSummary struct {
	Clients int `json:"clients"`
	// States is how many clients are in which state, each by its worst type.
	States map[fleet.State]int `json:"states"`
	// Refusals are what is refused now, the most frequent first.
	Refusals []statusRefusal `json:"refusals"`
	// NextEnd is the client whose certificate ends next; nil without clients.
	NextEnd *statusEnd `json:"next_certificate_end,omitempty"`
	// Roots are those that connections stand on, the newest first.
	Roots []statusRoot `json:"roots"`
}

// A statusRefusal is what clients refuse in the same words.
type statusRefusal struct {
	Type    string   `json:"type"`
	Reason  string   `json:"reason"`
	Clients int      `json:"clients"`
	Nodes   []string `json:"nodes"` // some of them
}

type statusEnd struct {
	Node     string    `json:"node"`
	Group    string    `json:"group"`
	Identity string    `json:"identity"`
	NotAfter time.Time `json:"not_after"`
}

type statusRoot struct {
	Root    string   `json:"root"`
	Newest  bool     `json:"newest"`
	Clients int      `json:"clients"`
	Nodes   []string `json:"nodes,omitempty"` // some of those on one that is not the newest
}

// maxNamed is how many nodes a summary names.
const maxNamed = 5

func newStatusSummary(clients []statusClient) statusSummary {
	s := statusSummary{
		Clients: len(clients), Refusals: []statusRefusal{}, Roots: []statusRoot{},
		States: map[fleet.State]int{fleet.Refused: 0, fleet.Stale: 0, fleet.NotSent: 0, fleet.Synced: 0},
	}
	for i := range clients {
		c := &clients[i]
		s.States[c.State]++
		s.addRoot(c)
		for _, t := range c.Types {
			if t.State == fleet.Refused && t.Refused != nil {
				s.addRefusal(c, t.Type, t.Refused.Reason)
			}
		}
		if s.NextEnd == nil || c.CertificateEnd.Before(s.NextEnd.NotAfter) {
			s.NextEnd = &statusEnd{c.Node, c.Group, c.Identity, c.CertificateEnd}
		}
	}
	slices.SortStableFunc(s.Refusals, func(a, b statusRefusal) int { return cmp.Compare(b.Clients, a.Clients) })
	slices.SortStableFunc(s.Roots, func(a, b statusRoot) int {
		switch {
		case a.Newest == b.Newest:
			return cmp.Or(cmp.Compare(b.Clients, a.Clients), cmp.Compare(a.Root, b.Root))
		case a.Newest:
			return -1
		}
		return 1
	})
	return s
}

func (s *statusSummary) addRefusal(c *statusClient, label, reason string) {
	at := slices.IndexFunc(s.Refusals, func(r statusRefusal) bool { return r.Type == label && r.Reason == reason })
	if at < 0 {
		at = len(s.Refusals)
		s.Refusals = append(s.Refusals, statusRefusal{Type: label, Reason: reason})
	}
	s.Refusals[at].Clients++
	s.Refusals[at].Nodes = named(s.Refusals[at].Nodes, c)
}

func (s *statusSummary) addRoot(c *statusClient) {
	at := slices.IndexFunc(s.Roots, func(r statusRoot) bool { return r.Root == c.Root && r.Newest == c.RootIsNewest })
	if at < 0 {
		at = len(s.Roots)
		s.Roots = append(s.Roots, statusRoot{Root: c.Root, Newest: c.RootIsNewest})
	}
	s.Roots[at].Clients++
	if !c.RootIsNewest {
		s.Roots[at].Nodes = named(s.Roots[at].Nodes, c)
	}
}

func named(nodes []string, c *statusClient) []string {
	if len(nodes) == maxNamed {
		return nodes
	}
	return append(nodes, cmp.Or(c.Node, c.Address))
}
