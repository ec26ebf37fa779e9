package access

import (
	"slices"
	"strings"
)

// A verdict is what a client is to have, by the reference.
type verdict struct {
	// refused is why it gets no connection, and denied why it gets no stream: reasons of
	// contour_xds_denied_total. Empty is that it does.
	refused, denied string
	// visible are the things that it may have.
	visible []thing
}

// judge is the whole oracle: who has that certificate, under that policy, says that it
// is of that group and has that name.
func judge(things []thing, p policy, who identity, group, nodeID string) verdict {
	if who.own {
		return verdict{refused: "own_certificate"}
	}
	var granted []string
	if p.rules != nil {
		var in, misnamed, known bool
		for _, r := range p.rules {
			if !slices.ContainsFunc(who.names(), func(name string) bool { return slices.ContainsFunc(r.identities, matches(name)) }) {
				continue
			}
			known = true
			switch {
			case !slices.ContainsFunc(r.groups, func(pattern string) bool { return groupMatches(pattern, group) }):
			case r.named && !slices.Contains(who.names(), nodeID):
				misnamed = true
			default:
				in = true
				granted = append(granted, r.secrets...)
			}
		}
		reason := ""
		switch {
		case len(who.names()) == 0:
			reason = "no_identity"
		case !known:
			reason = "no_rule"
		case !in && misnamed:
			return verdict{denied: "node_mismatch"}
		case !in:
			return verdict{denied: "group_forbidden"}
		}
		if reason != "" && who.operator { // who has business of another kind on the connection
			return verdict{denied: reason}
		}
		if reason != "" {
			return verdict{refused: reason}
		}
	}
	return verdict{visible: visible(things, group, granted)}
}

// visible is what the Envoys of a group have: what stands at the top and in its folder,
// and of the secrets those that the rest asks for, and those that are granted by name.
func visible(things []thing, group string, granted []string) []thing {
	var all []thing
	wanted := slices.Clone(granted)
	for _, th := range things {
		if th.scope == "" || th.scope == group {
			all = append(all, th)
			wanted = append(wanted, th.asks...)
		}
	}
	return slices.DeleteFunc(all, func(th thing) bool { return th.kind == "secret" && !slices.Contains(wanted, th.name) })
}

// matches is whether an identity's name is what a pattern says.
func matches(name string) func(string) bool {
	return func(pattern string) bool {
		separator := "."
		if strings.HasPrefix(pattern, "spiffe://") {
			separator = "/"
		}
		want, have := strings.Split(pattern, separator), strings.Split(name, separator)
		if last := len(want) - 1; want[last] == "**" {
			return len(have) > last && segmentsMatch(want[:last], have[:last])
		}
		return len(want) == len(have) && segmentsMatch(want, have)
	}
}

func segmentsMatch(want, have []string) bool {
	for i := range want {
		if !glob(want[i], have[i]) {
			return false
		}
	}
	return true
}

func groupMatches(pattern, group string) bool {
	if group == "" {
		return pattern == ""
	}
	return glob(pattern, group)
}

// glob lets each * stand for any characters.
func glob(pattern, text string) bool {
	switch {
	case pattern == "":
		return text == ""
	case pattern[0] == '*':
		return glob(pattern[1:], text) || text != "" && glob(pattern, text[1:])
	}
	return text != "" && pattern[0] == text[0] && glob(pattern[1:], text[1:])
}
