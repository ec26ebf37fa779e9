package identity

import "strings"

// maxHost and maxLabel are the bounds of DNS names (RFC 1035, section 2.3.4), in bytes
// of their text without a dot at the end.
const (
	maxHost  = 253
	maxLabel = 63
)

// isHost reports whether name is the DNS name of one host, in lower case. As crypto/x509
// does, it lets an underscore pass.
func isHost(name string) bool {
	if name == "" || len(name) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

// lower is a DNS name in lower case (RFC 4343): ASCII alone, since Unicode has letters
// that become others' in lower case, such as the Kelvin sign.
func lower(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, name)
}

// fits reports whether text is what pattern says, which has at least one *. Each stands for
// any characters, or none. It takes time in proportion to both lengths multiplied, at worst.
func fits(pattern, text string) bool {
	begin, rest, _ := strings.Cut(pattern, "*")
	text, ok := strings.CutPrefix(text, begin)
	for ok {
		middle, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, rest)
		}
		_, text, ok = strings.Cut(text, middle)
		rest = next
	}
	return false
}
