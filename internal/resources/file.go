package resources

import (
	"bytes"
	"path/filepath"
	"strings"
	"unicode/utf8"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// isResourceFile reports whether a file of that name is read, in capitals or not: a
// file that Windows named A.YAML is not to be passed over in silence.
func isResourceFile(name string) bool {
	switch ending(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

func ending(name string) string { return strings.ToLower(filepath.Ext(name)) }

// parse reads a file's text into nodes.
func parse(name string, data []byte) (*node, *problem) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, problemf(lineAt(data, int64(validPrefix(data))), "is not UTF-8 text")
	}
	if ending(name) == ".json" {
		return parseJSON(data, newBudget(len(data)))
	}
	return parseYAML(data, newBudget(len(data)))
}

// validPrefix returns how many bytes come before the first that is not UTF-8.
func validPrefix(data []byte) int {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		at += size
	}
	return at
}

// otherFile tells a file of another kind that people have for Envoy.
func otherFile(root *node) *problem {
	if root.get("resources") != nil {
		return nil
	}
	for _, m := range root.members {
		if remedy, ok := otherFiles[m.key]; ok {
			return problemf(m.line, `has no "resources:": %s`, remedy)
		}
	}
	return nil
}

var responseFields = (*discoveryv3.DiscoveryResponse)(nil).ProtoReflect().Descriptor().Fields()

const (
	isResource  = `it is a resource by itself: put it as an element into a list under "resources:"`
	isBootstrap = `it is a configuration that an Envoy starts with: move the elements of listeners, clusters and secrets in its static_resources ` +
		`to a list under "resources:", each with its @type, and leave the rest to the start configuration`
)

// otherFiles says by a key at the top what a file is that is no list of resources.
var otherFiles = map[string]string{
	"@type":            isResource,
	"static_resources": isBootstrap, "staticResources": isBootstrap,
	"dynamic_resources": isBootstrap, "dynamicResources": isBootstrap,
	"admin": isBootstrap, "layered_runtime": isBootstrap, "layeredRuntime": isBootstrap,
}

const emptyRemedy = `for a file without resources write "resources: []"`

// list returns the nodes of a file's resources. All the other fields of a
// DiscoveryResponse, which Envoy's own files carry, are passed over: versions are
// made here, and a nonce means nothing in a file.
func list(root *node) ([]*node, *problem) {
	if root == nil || root.shape == null {
		return nil, problemf(1, "is empty, as if cut off while it was written: %s", emptyRemedy)
	}
	if root.shape != object {
		return nil, problemf(root.line, `is no mapping: a file reads "resources:" and a list below it`)
	}
	if wrong := otherFile(root); wrong != nil {
		return nil, wrong
	}
	for _, m := range root.members {
		if findField(responseFields, m.key) == nil {
			return nil, problemf(m.line, `has %s beside "resources": a resource stands in the list under "resources:"`, describeKey(m.key))
		}
	}
	resources := root.get("resources")
	switch {
	case resources == nil:
		return nil, problemf(root.line, `has no "resources:": %s`, emptyRemedy)
	case resources.shape == null:
		return nil, problemf(resources.line, `has nothing under "resources:", as if cut off while it was written: %s`, emptyRemedy)
	case resources.shape != array:
		return nil, problemf(resources.line, `has no list under "resources:": each resource begins with "- "`)
	}
	return resources.items, nil
}
