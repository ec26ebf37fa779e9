package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"
)

// Format is an encoding of a bootstrap that both Envoy and people can read.
type Format int

// The formats.
const (
	JSON Format = iota
	YAML
)

// FormatOf returns the format in which Envoy will read the file at path. Envoy
// goes by the end of its name, in lower or upper case: .yaml and .yml are YAML,
// .pb and .pb_text protobuf, which is not written here, and all else is JSON.
func FormatOf(path string) (Format, error) {
	switch extension := strings.ToLower(filepath.Ext(path)); extension {
	case ".yaml", ".yml":
		return YAML, nil
	case ".pb", ".pb_text":
		return 0, fmt.Errorf("choosing a format for %q: Envoy reads a file whose name ends in %s as protobuf; name it .json or .yaml", path, extension)
	default:
		return JSON, nil
	}
}

// Marshal encodes b for Envoy: the same bytes for the same message every time, so
// that a file under version control changes only when what it says does. Fields
// have the names by which Envoy documents them.
func Marshal(b *bootstrapv3.Bootstrap, format Format) ([]byte, error) {
	return marshal(b, format)
}

func marshal(message proto.Message, format Format) ([]byte, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", message.ProtoReflect().Descriptor().FullName(), err)
	}
	if format == YAML {
		out, err := yaml.JSONToYAML(raw)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", message.ProtoReflect().Descriptor().FullName(), err)
		}
		return out, nil
	}
	// protojson varies its white space from build to build, on purpose; so Indent
	// replaces all of it.
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", message.ProtoReflect().Descriptor().FullName(), err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
