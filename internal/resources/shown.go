package resources

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a person wrote is quoted only where it is needed to find a mistake, and
// only when it can't be part of a key. The rules are on the safe side: a line
// number always stands beside what is held back.
const (
	// maxNameBytes bounds a resource's name in an error or a log.
	maxNameBytes = 200
	// keyRun is the length from which an unbroken run of base64 in mixed letters
	// and digits counts as key material. PEM's lines have 64.
	keyRun = 20
	// urlKeyRun is that for the base64 of URLs and of JSON Web Keys, whose '-' and '_'
	// join the words of names too. A key of 32 bytes has 43.
	urlKeyRun = 40
	// maxFieldBytes bounds an unknown field's name in an error.
	maxFieldBytes = 48
	// maxTypeBytes bounds an unknown type's name in an error.
	maxTypeBytes = 160
)

// quoteName returns name quoted, or words in its place.
func quoteName(name string) string {
	if !showableName(name) {
		return "(name not shown)"
	}
	return strconv.Quote(name)
}

// showableName reports whether a name may be printed.
func showableName(name string) bool {
	if len(name) > maxNameBytes || !utf8.ValidString(name) || strings.Contains(name, "-----") {
		return false
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return !looksLikeKey(name)
}

// looksLikeKey reports whether text holds a run of base64 that is too long and
// too mixed for a name that a person gave, or a number in hexadecimal of the size of
// a key. A hash in a name is held back with those, since nobody can tell them apart.
func looksLikeKey(text string) bool {
	return hexKey.MatchString(text) || hasMixedRun(text, keyRun, notBase64) || hasMixedRun(text, urlKeyRun, notURLBase64)
}

// hexKey matches 16 bytes in hexadecimal, or ten of them as openssl prints them.
var hexKey = regexp.MustCompile(`[0-9a-fA-F]{32}|([0-9a-fA-F]{2}:){10}`)

func hasMixedRun(text string, length int, separates func(rune) bool) bool {
	for _, run := range strings.FieldsFunc(text, separates) {
		if len(run) >= length && mixed(run) {
			return true
		}
	}
	return false
}

func notURLBase64(r rune) bool {
	return r == '+' || r == '/' || r == '=' || r != '-' && r != '_' && notBase64(r)
}

// notBase64 leaves out '-' and '_': names are full of them, PEM has none.
func notBase64(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '+' || r == '/' || r == '=')
}

func mixed(run string) bool {
	lower := strings.IndexFunc(run, unicode.IsLower) >= 0
	upper := strings.IndexFunc(run, unicode.IsUpper) >= 0
	digit := strings.ContainsAny(run, "0123456789+=")
	return lower && upper && digit
}

// showableKey reports whether the key of a map may be printed in a field's path:
// it must read like the name of an extension or of a header.
func showableKey(key string) bool {
	if len(key) == 0 || len(key) > maxFieldBytes || key[0] < 'a' || key[0] > 'z' {
		return false
	}
	for _, r := range key {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)) {
			return false
		}
	}
	return !looksLikeKey(key)
}

// showableField reports whether an unknown field's name may be printed: words of
// lower-case letters joined by underscores, as nearly all of Envoy's fields are.
// A digit or a capital makes it too much like base64.
func showableField(name string) bool {
	if name == "" || len(name) > maxFieldBytes {
		return false
	}
	for word := range strings.SplitSeq(name, "_") {
		if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		}
	}
	return true
}

// showableType reports whether an unknown type's name may be printed: lower-case
// packages, then messages that begin with a capital, joined by dots.
func showableType(name string) bool {
	parts := strings.Split(name, ".")
	if len(parts) < 2 || len(name) > maxTypeBytes || looksLikeKey(name) {
		return false
	}
	for i, part := range parts {
		if part == "" || strings.ContainsFunc(part, notIdentifier) {
			return false
		}
		first, last := part[0], i == len(parts)-1
		if i == 0 && !(first >= 'a' && first <= 'z') || last && !(first >= 'A' && first <= 'Z') {
			return false
		}
	}
	return true
}

func notIdentifier(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
}
