package resources

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// scalar tells what a scalar is by the rules of Envoy 1.40 (parseYamlNode in its
// yaml_utility.cc), which differ from YAML 1.2: y, yes and on are booleans, an
// integer may be octal or hexadecimal, and what is no 32-bit integer is a text,
// which a field of another kind then reads as its own: floating-point numbers,
// dates, large integers. As there, tags say nothing, but for "!" and, other than
// there, for "!!str", which are both taken for the text that they ask for.
func scalar(y *yaml.Node) *node {
	n := &node{shape: text, line: y.Line, value: y.Value}
	tagged := y.Style&yaml.TaggedStyle != 0
	if y.Tag == "!" || y.Tag == "!!str" && tagged || y.Style&quoted != 0 && !tagged {
		return n
	}
	n.plain = true
	n.shape, n.value = plainScalar(y.Value)
	return n
}

// plainScalar returns what a scalar without quotes is, as JSON has it.
func plainScalar(s string) (shape, string) {
	if yamlNull(s) {
		return null, ""
	}
	if b, ok := yamlBool(s); ok {
		return boolean, strconv.FormatBool(b)
	}
	i, ok := yamlInteger(s)
	switch {
	case !ok:
		return text, s
	case i == int64(int32(i)):
		return number, strconv.FormatInt(i, 10)
	default:
		return text, strconv.FormatInt(i, 10)
	}
}

const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

func yamlNull(s string) bool {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return true
	}
	return false
}

// yamlInteger reads a decimal, a hexadecimal (0x1f) or an octal number (017), and
// nothing of what Go alone writes: 0b1, 0o17, 1_000.
func yamlInteger(s string) (int64, bool) {
	digits := strings.ToLower(strings.TrimLeft(s, "+-"))
	if strings.HasPrefix(digits, "0b") || strings.HasPrefix(digits, "0o") || strings.Contains(digits, "_") {
		return 0, false
	}
	i, err := strconv.ParseInt(s, 0, 64)
	return i, err == nil
}

// yamlBool reads YAML 1.1's booleans in lower case, upper case and capitalized.
func yamlBool(s string) (value, ok bool) {
	if lower := strings.ToLower(s); s != lower && s != strings.ToUpper(s) && s != strings.ToUpper(s[:1])+lower[1:] {
		return false, false
	}
	switch strings.ToLower(s) {
	case "y", "yes", "true", "on":
		return true, true
	case "n", "no", "false", "off":
		return false, true
	}
	return false, false
}
