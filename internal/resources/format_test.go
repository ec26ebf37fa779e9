package resources

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"github.com/google/go-cmp/cmp"
)

const (
	clusterURL  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	listenerURL = "type.googleapis.com/envoy.config.listener.v3.Listener"
)

func TestWhichFilesAreRead(t *testing.T) {
	one := func(name string) string { return resourcesOf(cluster(name)) }
	dir := folderOf(t, map[string]string{
		"a.yaml": one("a"), "b.yml": one("b"),
		"c.json": `{"resources": [{"@type": "` + clusterURL + `", "name": "c", "type": "STATIC"}]}`,
		"d.YAML": one("d"), "e.Yml": one("e"), "f.JSON": `{"resources": [{"@type": "` + clusterURL + `", "name": "f", "type": "STATIC"}]}`,
		".hidden.yaml": "{broken", "README.md": "{broken", "d.yaml.bak": "{broken",
		"notes/README.md": "not a resource", "notes/.x/x.yaml": "{broken", "notes/.y.yaml": "{broken", ".git/x.yaml": "{broken",
	})
	s, err := Read(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range s.For("").Resources(clusterURL) {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e", "f"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestFoldersThatAreRefused(t *testing.T) {
	empty := t.TempDir()
	linked := folderOf(t, map[string]string{"a.yaml": "resources: []", "elsewhere.txt/.k/x.txt": ""})
	if err := os.Symlink(folderOf(t, map[string]string{"x.yaml": "resources: []"}), filepath.Join(linked, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, dir, want string }{
		{"a missing folder", filepath.Join(empty, "none"), "no such file or directory"},
		{"a folder without files", empty, `to serve nothing at all, put in a file that says "resources: []"`},
		{"a file", filepath.Join(linked, "a.yaml"), "not a directory"},
		{"a sub-folder with files", folderOf(t, map[string]string{"a.yaml": "resources: []", "sub/deep/x.yaml": ""}), "/sub: is a folder with resource files"},
		{"only a sub-folder with files", folderOf(t, map[string]string{"sub/x.json": ""}), "/sub: is a folder with resource files"},
		{"a link to a folder with files", linked, "/link: is a folder with resource files"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(Config{Dir: c.dir})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestTextThatIsRefused(t *testing.T) {
	bomb := "resources:\n- a: &a [x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x]\n"
	for _, step := range []string{"ab", "bc", "cd", "de", "ef"} {
		bomb += "  " + step[1:] + ": &" + step[1:] + " [" + strings.TrimSuffix(strings.Repeat("*"+step[:1]+", ", 20), ", ") + "]\n"
	}
	deep := strings.Repeat("[", 300) + strings.Repeat("]", 300)
	const unclosed = "is not valid JSON: ends before its last bracket is closed"
	const json = "is not valid JSON: look at the commas, quotes and brackets at this line"
	for _, c := range []struct{ name, file, content, want string }{
		{"an empty file", "a.yaml", "", `a.yaml:1: is empty, as if cut off while it was written: for a file without resources write "resources: []"`},
		{"a file of comments", "a.yaml", "# nothing\n", `a.yaml:1: is empty, as if cut off while it was written: for a file without resources write "resources: []"`},
		{"a file of nothing but null", "a.yaml", "~\n", `a.yaml:1: is empty, as if cut off while it was written: for a file without resources write "resources: []"`},
		{"an empty JSON file", "a.json", " \n", `a.json:1: is empty, as if cut off while it was written: for a file without resources write "resources: []"`},
		{"nothing under resources", "a.yaml", "version_info: 1\nresources:\n", `a.yaml:2: has nothing under "resources:", as if cut off while it was written: for a file without resources write "resources: []"`},
		{"no resources", "a.yaml", "version_info: 1\n", `a.yaml:1: has no "resources:": for a file without resources write "resources: []"`},
		{"resources that are no list", "a.yaml", "resources: {a: b}\n", `a.yaml:1: has no list under "resources:": each resource begins with "- "`},
		{"a list at the top", "a.yaml", "\n- a\n", `a.yaml:2: is no mapping: a file reads "resources:" and a list below it`},
		{"an unknown key at the top", "a.yaml", "resources: []\nresource_list: []\n", `a.yaml:2: has a key "resource_list" beside "resources": a resource stands in the list under "resources:"`},
		{"a resource that is a text", "a.yaml", "resources:\n- text\n", "a.yaml:2: has a resource that is no mapping of fields"},
		{"a second document", "a.yaml", "resources: []\n---\nresources: []\n", "a.yaml:2: begins a second YAML document, which Envoy would not read: one file holds one document"},
		{"a broken second document", "a.yaml", "resources: []\n---\nresources: [\n", "a.yaml:4: is not valid YAML: look at the indentation and the quotes at this line"},
		{"a tab", "a.yaml", "resources:\n\t- a\n", "a.yaml:2: is not valid YAML: is indented by a tab: use spaces"},
		{"a colon in a text", "a.yaml", "resources:\n- a: b: c\n", "a.yaml:2: is not valid YAML: has a ':' where no key can stand: look at the indentation, or put quotes around the text"},
		{"a line that is no key", "a.yaml", "resources: []\nword\n", "a.yaml:3: is not valid YAML: has a line that is no key with a ':' behind it: look at the indentation of the lines around it"},
		{"an unknown anchor", "a.yaml", "resources:\n- *word\n", "a.yaml:2: is not valid YAML: uses an alias whose anchor is not defined before it"},
		{"an alias in itself", "a.yaml", "resources:\n- &a [*a]\n", "a.yaml:2: has an alias inside of what it stands for"},
		{"a merge key", "a.yaml", "resources:\n- x: &a {b: c}\n- <<: *a\n", `a.yaml:3: has a merge key ("<<"), which Envoy does not read: write the fields out`},
		{"a mapping as a key", "a.yaml", "resources:\n- {a: b}: c\n", "a.yaml:2: has a list or a mapping as a key"},
		{"a repeated key", "a.yaml", "resources:\n- a: b\n  c: d\n  a: e\n", "a.yaml:4: repeats a key of the same mapping"},
		{"a control character in a comment", "a.yaml", "resources: []\n# a\n# \a\n", "a.yaml:3: is not valid YAML: holds characters that YAML does not allow"},
		{"a character that is none", "a.yaml", "resources: []\n# a\n# \ufffe\n", "a.yaml:3: is not valid YAML: holds characters that YAML does not allow"},
		{"a resource by itself", "a.yaml", "\"@type\": " + clusterURL + "\nname: x\n", `a.yaml:1: has no "resources:": it is a resource by itself: put it as an element into a list under "resources:"`},
		{"a start configuration", "a.yaml", "node: {id: x}\nadmin: {}\nstatic_resources: {}\n", `a.yaml:2: has no "resources:": ` + isBootstrap},
		{"a second document behind an empty one", "a.yaml", "resources: []\n---\n---\nresources: []\n", "a.yaml:3: begins a second YAML document, which Envoy would not read: one file holds one document"},
		{"a second document of quotes", "a.yaml", "resources: []\n---\n\"\"\n", "a.yaml:2: begins a second YAML document, which Envoy would not read: one file holds one document"},
		{"a version of YAML that nobody reads", "a.yaml", "%YAML 2.0\n---\nresources: []\n", "a.yaml:1: is not valid YAML: look at the indentation and the quotes at this line"},
		{"a control character", "a.yaml", "resources:\n- a: \x01\n", "a.yaml:2: is not valid YAML: holds characters that YAML does not allow"},
		{"a bomb of aliases", "a.yaml", bomb, "a.yaml:2: repeats too much by aliases: write out what differs, or put the resources into files of their own"},
		{"deep YAML", "a.yaml", "resources: " + deep, "a.yaml:1: nests more than 256 levels deep"},
		{"deep JSON", "a.json", `{"resources": ` + deep + "}", "a.json:1: nests more than 256 levels deep"},
		{"bytes that are not UTF-8", "a.yaml", "resources: []\n# \xff", "a.yaml:2: is not UTF-8 text"},
		{"JSON cut off", "a.json", "{\"resources\": [\n{\"a\":\n", "a.json:3: " + unclosed},
		{"JSON cut off within a text", "a.json", "{\"resources\": [\n\"abc", "a.json:2: " + unclosed},
		{"JSON cut off after a key", "a.json", "{\"resources\"", "a.json:1: " + unclosed},
		{"JSON with a comma too many", "a.json", "{\"resources\": [\n1,\n]}", "a.json:3: " + json},
		{"JSON without a colon", "a.json", "{\n\"resources\" []}", "a.json:2: " + json},
		{"JSON with a number as a key", "a.json", "{\n1: 2}", "a.json:2: " + json},
		{"JSON with a wrong word", "a.json", "{\n\n\"resources\": nul}", "a.json:3: " + json},
		{"two values of JSON", "a.json", "{\"resources\": []}\n{}", "a.json:2: is not valid JSON: something follows the first value"},
		{"a repeated key in JSON", "a.json", "{\"resources\": [{\"a\": 1,\n\"a\": 2}]}", "a.json:2: repeats a key of the same object"},
		{"half a surrogate pair", "a.json", "{\"resources\": [\n\"\\ud83d\"]}", "a.json:2: is not valid JSON: has half of a surrogate pair in a text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := readFolder(t, map[string]string{c.file: c.content})
			wantLines(t, got, c.want)
		})
	}
}

func TestTextThatIsRead(t *testing.T) {
	const head = "resources:\n- \"@type\": " + clusterURL + "\n  name: x\n  type: STATIC\n  "
	stat := func(c *clusterv3.Cluster) any { return c.GetAltStatName() }
	drain := func(c *clusterv3.Cluster) any { return c.GetIgnoreHealthOnHostRemoval() }
	limit := func(c *clusterv3.Cluster) any { return c.GetPerConnectionBufferLimitBytes().GetValue() }
	timeout := func(c *clusterv3.Cluster) any { return c.GetConnectTimeout().AsDuration() }
	panicAt := func(c *clusterv3.Cluster) any { return c.GetCommonLbConfig().GetHealthyPanicThreshold().GetValue() }
	meta := func(c *clusterv3.Cluster) any { return c.GetMetadata().GetFilterMetadata()["f"].AsMap()["k"] }
	for _, c := range []struct {
		name, line string
		get        func(*clusterv3.Cluster) any
		want       any
	}{
		{"quotes make a text", `alt_stat_name: "on"`, stat, "on"},
		{"single quotes make a text", `alt_stat_name: '5'`, stat, "5"},
		{"a tag says nothing", `alt_stat_name: !custom word`, stat, "word"},
		{"a tag of YAML says nothing", `per_connection_buffer_limit_bytes: !!float 5`, limit, uint32(5)},
		{"a tag takes the quotes away", `metadata: {filter_metadata: {f: {k: !custom "5"}}}`, meta, 5.0},
		{"a tag makes a text", `alt_stat_name: !!str 5`, stat, "5"},
		{"an exclamation mark makes a text", `alt_stat_name: ! 5`, stat, "5"},
		{"a block makes a text", "alt_stat_name: |-\n    true", stat, "true"},
		{"a date is a text", `alt_stat_name: 2030-01-31`, stat, "2030-01-31"},
		{"an octal of YAML 1.2 is a text", `alt_stat_name: 0o17`, stat, "0o17"},
		{"a mixed case is a text", `alt_stat_name: tRue`, stat, "tRue"},
		{"yes is a boolean", `ignore_health_on_host_removal: yes`, drain, true},
		{"ON is a boolean", `ignore_health_on_host_removal: ON`, drain, true},
		{"y is a boolean", `ignore_health_on_host_removal: y`, drain, true},
		{"Off is a boolean", `ignore_health_on_host_removal: Off`, drain, false},
		{"null leaves a field out", `ignore_health_on_host_removal: ~`, drain, false},
		{"a number", `per_connection_buffer_limit_bytes: 17`, limit, uint32(17)},
		{"a number in quotes", `per_connection_buffer_limit_bytes: "17"`, limit, uint32(17)},
		{"a hexadecimal number", `per_connection_buffer_limit_bytes: 0xab`, limit, uint32(0xab)},
		{"an octal number of YAML 1.1", `per_connection_buffer_limit_bytes: 017`, limit, uint32(15)},
		{"a number beyond 31 bits", `per_connection_buffer_limit_bytes: 4294967295`, limit, uint32(4294967295)},
		{"a number with a zero before it", `per_connection_buffer_limit_bytes: 08`, limit, uint32(8)},
		{"a number with a zero before it, in quotes", `per_connection_buffer_limit_bytes: "017"`, limit, uint32(17)},
		{"a number with a sign, in quotes", `per_connection_buffer_limit_bytes: "+5"`, limit, uint32(5)},
		{"a hexadecimal number in quotes", `per_connection_buffer_limit_bytes: "0xab"`, limit, uint32(0xab)},
		{"a number with a point behind it", `per_connection_buffer_limit_bytes: 5.`, limit, uint32(5)},
		{"a float without digits before the point", `common_lb_config: {healthy_panic_threshold: {value: .5}}`, panicAt, 0.5},
		{"a float with a sign", `common_lb_config: {healthy_panic_threshold: {value: +.5}}`, panicAt, 0.5},
		{"a float without digits behind the point", `common_lb_config: {healthy_panic_threshold: {value: 5.}}`, panicAt, 5.0},
		{"a duration with zeros before it", `connect_timeout: 01s`, timeout, time.Second},
		{"a duration with nothing but zeros before its point", `connect_timeout: 00.5s`, timeout, 500 * time.Millisecond},
		{"a duration of seconds with a point", `connect_timeout: {seconds: 1.0}`, timeout, time.Second},
		{"a duration of seconds with a zero before them", `connect_timeout: {seconds: "01"}`, timeout, time.Second},
		{"a duration of seconds with an exponent", `connect_timeout: {seconds: 1e2}`, timeout, 100 * time.Second},
		{"an optional number by its part, with a zero before it", `per_connection_buffer_limit_bytes: {value: 08}`, limit, uint32(8)},
		{"the other name of a field", `perConnectionBufferLimitBytes: 17`, limit, uint32(17)},
		{"metadata with a number", `metadata: {filter_metadata: {f: {k: 5}}}`, meta, 5.0},
		{"a float is a text until its field is known", `alt_stat_name: 1.5`, stat, "1.5"},
		{"a float where one is due", `common_lb_config: {healthy_panic_threshold: {value: 1.5}}`, panicAt, 1.5},
		{"metadata with a float, which Envoy makes a text", `metadata: {filter_metadata: {f: {k: 1.5}}}`, meta, "1.5"},
		{"metadata with a large number, which Envoy makes a text", `metadata: {filter_metadata: {f: {k: 0x100000000}}}`, meta, "4294967296"},
		{"metadata with nothing in it", `metadata: {filter_metadata: {f: ~}}`, meta, nil},
		{"a boolean in quotes", `ignore_health_on_host_removal: "Yes"`, drain, true},
		{"an optional boolean in quotes", `wait_for_warm_on_init: "f"`, func(c *clusterv3.Cluster) any { return c.GetWaitForWarmOnInit().GetValue() }, false},
		{"a duration by its parts", `connect_timeout: {seconds: 5, nanos: 5000000}`, timeout, 5005 * time.Millisecond},
		{"a duration of seconds, in quotes", `connect_timeout: {seconds: "5"}`, timeout, 5 * time.Second},
		{"an optional number by its part", `per_connection_buffer_limit_bytes: {value: 17}`, limit, uint32(17)},
		{"an enum by its number in quotes", `lb_policy: "1"`, func(c *clusterv3.Cluster) any { return c.GetLbPolicy() }, clusterv3.Cluster_LEAST_REQUEST},
		{"an enum in lower case", `lb_policy: least_request`, func(c *clusterv3.Cluster) any { return c.GetLbPolicy() }, clusterv3.Cluster_LEAST_REQUEST},
		{"an enum by its number", `lb_policy: 1`, func(c *clusterv3.Cluster) any { return c.GetLbPolicy() }, clusterv3.Cluster_LEAST_REQUEST},
		{"an Any that is empty", "typed_extension_protocol_options: {x: {}}", func(c *clusterv3.Cluster) any { return len(c.GetTypedExtensionProtocolOptions()) }, 1},
		{"an alias as a key", "alt_stat_name: &a word\n  metadata: {filter_metadata: {f: {k: v, *a : w}}}", meta, "v"},
		{"an alias", "alt_stat_name: &a word\n  metadata: {filter_metadata: {f: {k: *a}}}", meta, "word"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, problem := readYAML(t, head+c.line+"\n")
			if problem != "" {
				t.Fatal(problem)
			}
			if got := c.get(s.Resources(clusterURL)[0].Message.(*clusterv3.Cluster)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestEnvoysOwnFilesAreRead(t *testing.T) {
	for _, c := range []struct{ name, file, content string }{
		{"a whole discovery response", "a.yaml", "version_info: \"7\"\ntypeUrl: x\nnonce: n\ncontrol_plane: {identifier: x}\ncanary: true\n" + resourcesOf(cluster("x"))},
		{"anchors under a key that Envoy ignores", "a.yaml", "!ignore shared:\n- &timeout 2s\n" + resourcesOf(strings.Replace(cluster("x"), "1s", "*timeout", 1))},
		{"a document that is begun and ended", "a.yaml", "%YAML 1.1\n---\n" + resourcesOf(cluster("x")) + "...\n"},
		{"a later version of YAML", "a.yaml", "# by a tool\n\n%TAG !e! tag:example.com,2030:\n%YAML 1.2 # the version\n---\n" + resourcesOf(cluster("x"))},
		{"a later version of YAML, with windows' line ends", "a.yaml", "%YAML 1.2\r\n---\r\n" + resourcesOf(cluster("x"))},
		{"a document that ends with the beginning of another", "a.yaml", resourcesOf(cluster("x")) + "---\n# no more\n---\n"},
		{"tags that nobody knows", "a.yaml", resourcesOf(cluster("x") + "  metadata: !foo {filter_metadata: !bar {a: !x {b: !y [1]}}}\n")},
		{"a byte order mark before a version", "a.yaml", "\ufeff%YAML 1.2\n---\n" + resourcesOf(cluster("x"))},
		{"a byte order mark", "a.yaml", "\ufeff" + resourcesOf(cluster("x"))},
		{"a byte order mark before JSON", "a.json", "\ufeff" + `{"resources": [{"@type": "` + clusterURL + `", "name": "x", "type": "STATIC"}]}`},
		{"tabs and escapes in JSON", "a.json", "{\t\"resources\": [\t{\"@type\": \"" + clusterURL + "\", \"name\": \"x\", \"altStatName\": \"\\ud83d\\ude00\\ufffd\ufffd\\n\", \"perConnectionBufferLimitBytes\": 1e3}]}"},
		{"a wrapped resource", "a.yaml", "resources:\n- \"@type\": type.googleapis.com/envoy.service.discovery.v3.Resource\n  name: x\n  version: \"1\"\n  resource:\n    \"@type\": " + clusterURL + "\n    name: x\n    type: STATIC\n"},
		{"windows' line ends", "a.yaml", strings.ReplaceAll(resourcesOf(cluster("x")), "\n", "\r\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, problem := readFolder(t, map[string]string{c.file: c.content})
			if problem != "" {
				t.Fatal(problem)
			}
			if got := s.Resources(clusterURL); len(got) != 1 || got[0].Name != "x" {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestNoFilesResources(t *testing.T) {
	if s, problem := readYAML(t, "resources: []\n"); problem != "" || len(s.Resources(clusterURL)) != 0 {
		t.Error(problem)
	}
}
