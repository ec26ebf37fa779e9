package access

import (
	"slices"
	"strings"

	contourtest "github.com/contour-xds/contour/test/contour"
)

// told holds a denial to the same words whoever it concerns and whatever exists.
func (m *matrix) told(c cell, reason, words string) {
	if earlier, ok := m.words[reason]; ok && earlier != words {
		m.t.Errorf("%s: told %q, and others %q", c, words, earlier)
	}
	m.words[reason] = words
}

// withheld notes what is to be counted: each name on each stream once.
func (m *matrix) withheld(c cell, v verdict, script []question) {
	names, _ := asked("secret", script)
	for _, th := range m.things {
		has := slices.ContainsFunc(v.visible, func(other thing) bool { return other.kind == "secret" && other.name == th.name })
		if th.kind == "secret" && names[th.name] && !has {
			m.denied[c.policy]["secret_forbidden"]++
			names[th.name] = false
		}
	}
}

// compare holds the names that came to those that were to come, and every other type
// to nothing.
func (m *matrix) compare(c cell, kind string, got map[string][]string, want []string) {
	m.t.Helper()
	for url, names := range got {
		slices.Sort(names)
		names = slices.Compact(names)
		if url != typeURLs[kind] {
			m.t.Errorf("%s: got %v of %s", c, names, url)
		} else if !slices.Equal(names, want) {
			m.t.Errorf("%s: got %s %v, want %v", c, kind, names, want)
		}
	}
	if len(want) > 0 && len(got) == 0 {
		m.t.Errorf("%s: got nothing, want %s %v", c, kind, want)
	}
}

// search looks through all that came for each secret that there is.
func (m *matrix) search(c cell, kind string, into *recording, v verdict, come []string) {
	m.t.Helper()
	text := into.plaintext()
	for _, th := range m.things {
		if th.kind != "secret" {
			continue
		}
		mine := slices.ContainsFunc(v.visible, func(other thing) bool {
			return other.kind == "secret" && other.scope == th.scope && other.name == th.name
		})
		want := mine && kind == "secret" && slices.Contains(come, th.name)
		if got := strings.Contains(text, m.markers[th.scope+"/"+th.name]); got != want {
			m.t.Errorf("%s: the secret %s of %q is in what came: %v, want %v", c, th.name, th.scope, got, want)
		}
	}
}

// wantCounted holds what each contour counted to what it was to deny, and its log to
// silence about secrets.
func (m *matrix) wantCounted() {
	m.t.Helper()
	for p, s := range m.servers {
		title := policies()[p].title
		for _, reason := range []string{"group_forbidden", "node_mismatch", "secret_forbidden", "no_identity", "no_rule"} {
			if got, want := m.requests(s, reason), float64(m.denied[p][reason]); got != want {
				m.t.Errorf("under %q, %v requests are counted as %s, want %v", title, got, reason, want)
			}
		}
		for _, reason := range []string{"own_certificate", "no_identity", "no_rule"} {
			got, err := s.Metric("contour_xds_tls_handshake_failures_total", "reason", reason)
			must(m.t, err)
			if want := m.refused[p][reason]; (got > 0) != (want > 0) || got < float64(want) { // a client may try again
				m.t.Errorf("under %q, %v handshakes are counted as %s, want %d", title, got, reason, want)
			}
		}
		for _, marker := range m.markers {
			if strings.Contains(s.Log(), marker) {
				m.t.Errorf("under %q, a secret is in the log", title)
			}
		}
	}
}

// requests is how many denials are counted but for those of handshakes.
func (m *matrix) requests(s *contourtest.Server, reason string) float64 {
	m.t.Helper()
	all, err := s.Metric("contour_xds_denied_total", "reason", reason)
	must(m.t, err)
	handshakes, err := s.Metric("contour_xds_tls_handshake_failures_total", "reason", reason)
	if err == nil {
		all -= handshakes
	}
	return all
}
