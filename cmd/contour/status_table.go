package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/contour-xds/contour/internal/fleet"
)

// Bounds of what is shown of a text, in characters. JSON has all of it.
const (
	maxCell   = 48
	maxReason = 300
)

// writeText writes the summary, and below it a line for each client.
func (r *statusReport) writeText(out io.Writer, now time.Time) error {
	r.writeSummary(out, now)
	if len(r.Clients) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := []string{"IDENTITY", "GROUP", "NODE", "ADDRESS", "PROTOCOL", "STATE", "REFUSED", "CERTIFICATE ENDS", "ROOT", "CONNECTED"}
	several := len(r.Servers) > 1
	if several {
		head = append(head, "SERVER")
	}
	fmt.Fprintln(table, strings.Join(head, "\t"))
	for i := range r.Clients {
		c := &r.Clients[i]
		cells := []string{
			c.Identity, c.Group, c.Node, c.Address, strings.Join(c.Protocols, ","), c.stateCell(), c.typesIn(fleet.Refused),
			until(c.CertificateEnd.Sub(now)), c.rootCell(), roughly(now.Sub(c.Connected)),
		}
		if several {
			cells = append(cells, c.Server)
		}
		for j, text := range cells {
			cells[j] = tableCell(text)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

// stateCell names the types that are not in sync.
func (c *statusClient) stateCell() string {
	var parts []string
	if behind := c.typesIn(fleet.Stale); behind != "" {
		parts = append(parts, "out of date: "+behind)
	}
	if waiting := c.typesIn(fleet.NotSent); waiting != "" {
		parts = append(parts, "not sent: "+waiting)
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case c.State == fleet.Refused:
		return "refused"
	case len(c.Types) == 0:
		return "asked for nothing"
	}
	return "in sync"
}

func (c *statusClient) typesIn(state fleet.State) string {
	var names []string
	for _, t := range c.Types {
		if t.State == state {
			names = append(names, cmp.Or(t.Type, t.URL))
		}
	}
	return strings.Join(names, ",")
}

func (c *statusClient) rootCell() string {
	if c.RootIsNewest {
		return c.Root
	}
	return c.Root + " (old)"
}

func (r *statusReport) writeSummary(out io.Writer, now time.Time) {
	s := &r.Summary
	answered := 0
	for _, server := range r.Servers {
		if server.Error == "" {
			answered++
		}
	}
	fmt.Fprintf(out, "%s of %s: %d in sync, %d out of date or refusing\n",
		plural(s.Clients, "client"), plural(answered, "server"), s.States[fleet.Synced], s.Clients-s.States[fleet.Synced])
	for _, refusal := range s.Refusals {
		fmt.Fprintf(out, "refused: %s by %s (%s): %s\n", short(refusal.Type, maxCell), plural(refusal.Clients, "client"),
			some(refusal.Nodes, refusal.Clients), short(refusal.Reason, maxReason))
	}
	if s.NextEnd != nil {
		fmt.Fprintf(out, "next certificate to end: %s of group %s, %s (%s)\n", short(cmp.Or(s.NextEnd.Node, s.NextEnd.Identity), maxCell),
			tableCell(s.NextEnd.Group), until(s.NextEnd.NotAfter.Sub(now)), s.NextEnd.NotAfter.UTC().Format(time.RFC3339))
	}
	for _, root := range s.Roots {
		line := fmt.Sprintf("root %s: %s", short(root.Root, maxCell), plural(root.Clients, "client"))
		if !root.Newest {
			line += ", and it is not the newest (" + some(root.Nodes, root.Clients) + ")"
		}
		fmt.Fprintln(out, line)
	}
}

// some is a list of names of which not all are given.
func some(names []string, all int) string {
	var shown []string
	for _, name := range names {
		shown = append(shown, short(name, maxCell))
	}
	if all > len(names) {
		shown = append(shown, fmt.Sprintf("and %d more", all-len(names)))
	}
	return strings.Join(shown, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// tableCell is a text as a cell of a table; none is a dash, so that columns stay what they are.
func tableCell(text string) string { return cmp.Or(short(text, maxCell), "-") }

// short is a text of a peer's for a terminal, of one line.
func short(text string, limit int) string {
	text = printable(text)
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}

// until is the time until something, or since.
func until(left time.Duration) string {
	if left < 0 {
		return roughly(-left) + " ago"
	}
	return "in " + roughly(left)
}

// roughly is a time in its two largest units or so.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return d.Truncate(time.Second).String()
	case d < day:
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}
