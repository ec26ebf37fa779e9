package fleet

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// Bounds of what a request may ask for.
const (
	maxMatchers = 1000
	maxPattern  = 1024 // bytes
)

// newMatcher returns what the matchers of a request say of a node's id: one of them is
// enough, and without any, all nodes match (csds.proto, ClientStatusRequest). An error
// says what about them is not supported or not valid.
func newMatcher(all []*matcherv3.NodeMatcher) (func(nodeID string) bool, error) {
	if len(all) > maxMatchers {
		return nil, fmt.Errorf("node_matchers has more than %d", maxMatchers)
	}
	var some []func(string) bool
	for i, one := range all {
		if len(one.GetNodeMetadatas()) > 0 {
			return nil, fmt.Errorf("node_matchers[%d].node_metadatas is not supported, since no metadata of clients is kept; match by node_id", i)
		}
		match, err := newStringMatcher(one.GetNodeId())
		if err != nil {
			return nil, fmt.Errorf("node_matchers[%d].node_id: %w", i, err)
		}
		some = append(some, match)
	}
	return func(nodeID string) bool {
		for _, match := range some {
			if match(nodeID) {
				return true
			}
		}
		return len(some) == 0
	}, nil
}

// newStringMatcher follows string.proto. One that is not there matches everything.
func newStringMatcher(m *matcherv3.StringMatcher) (func(string) bool, error) {
	if m == nil {
		return func(string) bool { return true }, nil
	}
	fold := func(text string) string { return text }
	if m.GetIgnoreCase() {
		fold = strings.ToLower
	}
	var compare func(text, part string) bool
	var part string
	switch pattern := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		part := fold(pattern.Exact)
		return func(text string) bool { return fold(text) == part }, nil
	case *matcherv3.StringMatcher_SafeRegex:
		return newRegexMatcher(pattern.SafeRegex.GetRegex())
	case *matcherv3.StringMatcher_Prefix:
		compare, part = strings.HasPrefix, fold(pattern.Prefix)
	case *matcherv3.StringMatcher_Suffix:
		compare, part = strings.HasSuffix, fold(pattern.Suffix)
	case *matcherv3.StringMatcher_Contains:
		compare, part = strings.Contains, fold(pattern.Contains)
	default:
		return nil, errors.New("it has no pattern, or one of a kind that is not supported; give exact, prefix, suffix, contains or safe_regex")
	}
	if part == "" {
		return nil, errors.New("its pattern is empty")
	}
	return func(text string) bool { return compare(fold(text), part) }, nil
}

// newRegexMatcher matches the whole of a text (regex.proto). Go's expressions are RE2's,
// which take time in proportion to the text, whatever they are.
func newRegexMatcher(pattern string) (func(string) bool, error) {
	if pattern == "" || len(pattern) > maxPattern {
		return nil, fmt.Errorf("its safe_regex must have 1 to %d bytes", maxPattern)
	}
	if _, err := regexp.Compile(pattern); err != nil { // by itself, so that it can't close the group below
		return nil, fmt.Errorf("its safe_regex is no RE2 expression: %w", err)
	}
	whole, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("its safe_regex is no RE2 expression: %w", err)
	}
	return whole.MatchString, nil
}
