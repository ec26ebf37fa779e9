package resources

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// namesIn returns the names of the clusters, joined by spaces.
func namesIn(s *Snapshot) string { return strings.Join(names(s), " ") }

func mustReadAll(t *testing.T, files map[string]string) *Snapshots {
	t.Helper()
	s, err := Read(Config{Dir: folderOf(t, files)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAGroupGetsItsOwnBesideWhatStandsAtTheTop(t *testing.T) {
	s := mustReadAll(t, map[string]string{
		"a.yaml":                      resourcesOf(cluster("c"), cluster("a")),
		"groups/edge/a.yaml":          resourcesOf(cluster("b"), cluster("d")),
		"groups/inner/x.json":         `{"resources": [{"@type": "` + clusterURL + `", "name": "b", "type": "STATIC", "connect_timeout": "9s"}]}`,
		"groups/lone/none.yaml":       "resources: []",
		"groups/groups/a.yaml":        resourcesOf(cluster("g")),
		"groups/secrets/a.yaml":       resourcesOf(cluster("s")),
		"groups/.hidden/a.yaml":       "{broken",
		"groups/edge/.hidden/b.yaml":  "{broken",
		"groups/edge/notes/README.md": "not a resource",
		"groups/zwölf é/a.yaml":       resourcesOf(cluster("z")),
	})
	if diff := cmp.Diff([]string{"edge", "groups", "inner", "lone", "secrets", "zwölf é"}, s.Groups()); diff != "" {
		t.Error(diff)
	}
	for group, want := range map[string]string{
		"": "a c", "edge": "a b c d", "inner": "a b c", "lone": "a c", "groups": "a c g", "secrets": "a c s", "zwölf é": "a c z",
		"nobody's": "a c", "Edge": "a c", ".hidden": "a c", "edge/": "a c",
	} {
		if got := namesIn(s.For(group)); got != want {
			t.Errorf("group %q gets %q, want %q", group, got, want)
		}
	}
	if s.For("edge").Version(clusterURL) == s.For("").Version(clusterURL) || s.For("edge").Version(listenerURL) != s.For("").Version(listenerURL) {
		t.Error("a version is not that of what is in the set")
	}
	if s.For("lone") != s.For("") || s.For("nobody's") != s.For("") {
		t.Error("what is the same is not shared")
	}
	if got := s.Count(clusterURL); got != 2+2+1+1+1+1 {
		t.Errorf("counted %d clusters", got)
	}
	s.Groups()[0] = "changed"
	if s.Groups()[0] != "edge" {
		t.Error("the names are not the caller's own")
	}
}

func TestAnEmptyFolderOfGroupsIsFine(t *testing.T) {
	dir := folderOf(t, map[string]string{"a.yaml": resourcesOf(cluster("a"))})
	for _, sub := range []string{"groups", "groups/edge", "secrets", "groups/edge/secrets"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
		if s, err := Read(Config{Dir: dir}); err != nil || namesIn(s.For("edge")) != "a" {
			t.Errorf("with an empty %s: %v", sub, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "to serve nothing at all") {
		t.Errorf("nothing but empty folders: got %v", err)
	}
}

func TestOnlyGroups(t *testing.T) {
	s := mustReadAll(t, map[string]string{"groups/edge/a.yaml": resourcesOf(cluster("a"))})
	if namesIn(s.For("")) != "" || namesIn(s.For("edge")) != "a" {
		t.Error("a group needs something at the top")
	}
}

func TestFoldersOfGroupsThatAreRefused(t *testing.T) {
	const inner = "is a folder with resource files, which is not entered: put the files into the folder above"
	const long = "is called by a name that is too long for a group: rename the folder, and set node.cluster to the new name"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"a file in no group", map[string]string{"groups/a.yaml": resourcesOf(cluster("a"))}, []string{
			"groups/a.yaml: stands in no group: put it into a folder here that is called as the node.cluster of its Envoys, or into the folder above for all",
		}},
		{"a file called as the folder", map[string]string{"groups": "x"}, []string{"groups: is a file, but its name is kept for a folder: rename it"}},
		{"a folder in a group", map[string]string{"groups/edge/sub/deep/a.yaml": "{broken"}, []string{"groups/edge/sub: " + inner}},
		{"groups in a group", map[string]string{"groups/edge/groups/x/a.yaml": "{broken"}, []string{"groups/edge/groups: " + inner}},
		{"a name that is too long", map[string]string{"groups/" + strings.Repeat("x", maxGroupBytes+1) + "/a.yaml": "{broken"}, []string{
			"groups/" + strings.Repeat("x", maxGroupBytes+1) + ": " + long,
		}},
		{"a name that is no text", map[string]string{"groups/\xff\xfe/a.yaml": "{broken"}, []string{
			`"groups/\xff\xfe": is called by a name that is not UTF-8 text, which no Envoy's node.cluster can be: rename the folder`,
		}},
		{"a broken file of a group", map[string]string{"groups/edge/a.yaml": "x: 1"}, []string{
			`groups/edge/a.yaml:1: has a key "x" beside "resources": a resource stands in the list under "resources:"`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.files["top.yaml"] = resourcesOf(cluster("top"))
			dir := folderOf(t, c.files)
			_, err := Read(Config{Dir: dir})
			wantLines(t, strings.ReplaceAll(findings(t, err).Error(), dir+"/", ""), c.want...)
		})
	}
}

func TestAGroupWhoseFolderCanNotBeReadIsNotForgotten(t *testing.T) {
	dir := folderOf(t, map[string]string{"a.yaml": resourcesOf(cluster("a")), "groups/inner/a.yaml": resourcesOf(cluster("b"))})
	dangling(t, filepath.Join(dir, "groups", "edge"))
	dangling(t, filepath.Join(dir, "groups", "inner", "b.yaml"))
	dangling(t, filepath.Join(dir, "secrets"))
	_, err := Read(Config{Dir: dir})
	wantLines(t, strings.ReplaceAll(findings(t, err).Error(), dir+"/", ""),
		"groups/edge: can't be read: no such file or directory",
		"groups/inner/b.yaml: can't be read: no such file or directory",
		"secrets: can't be read: no such file or directory")
}

// routeTo is a route configuration of that name that leads to a cluster.
func routeTo(name, cluster string) string {
	return strings.NewReplacer("name: r\n", "name: "+name+"\n", "away", cluster).Replace(routeAway)
}

func TestReferencesAcrossGroups(t *testing.T) {
	const field = ": virtual_hosts[0].routes[0].route.cluster: "
	const remedy = ": define it, or name it in --external-clusters if every Envoy knows it from its own start"
	hcmOfDemand := listener("l", "http_filters: ["+odcds+", "+router+"]\n"+rds)
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"a group's route to a cluster at the top", map[string]string{"a.yaml": resourcesOf(cluster("a")), "groups/edge/a.yaml": resourcesOf(routeTo("r", "a"))}, nil},
		{"a group's route to a cluster of its own", map[string]string{"groups/edge/a.yaml": resourcesOf(cluster("a"), routeTo("r", "a"))}, nil},
		{"a group's route to an external cluster", map[string]string{"groups/edge/a.yaml": resourcesOf(routeTo("r", "outside"))}, nil},
		{"the same names in two groups", map[string]string{"groups/edge/a.yaml": resourcesOf(cluster("a"), routeTo("r", "a")), "groups/inner/a.yaml": resourcesOf(cluster("a"), routeTo("r", "a"))}, nil},
		{"a group's route to another group's cluster", map[string]string{"groups/edge/a.yaml": resourcesOf(routeTo("r", "a")), "groups/inner/a.yaml": resourcesOf(cluster("a"))}, []string{
			`groups/edge/a.yaml:4: route "r"` + field + `names the cluster "a", which no file defines, neither of the group "edge" nor at the top` + remedy,
		}},
		{"a route at the top to a group's cluster", map[string]string{"a.yaml": resourcesOf(routeTo("r", "a")), "groups/edge/a.yaml": resourcesOf(cluster("a")), "groups/inner/a.yaml": resourcesOf(cluster("a"))}, []string{
			`a.yaml:4: route "r"` + field + `refers to the Cluster "a", which the group "edge" defines and the top does not, so that the Envoys of other groups would lack it: define it at the top, or move this into the group`,
		}},
		{"a listener at the top that asks for a group's routes", map[string]string{"a.yaml": resourcesOf(listener("l", rds)), "groups/edge/a.yaml": resourcesOf(routeEmpty)}, []string{
			`a.yaml:11: ` + inManager + `rds.config_source: refers to the RouteConfiguration "r", which the group "edge" defines and the top does not, so that the Envoys of other groups would lack it: define it at the top, or move this into the group`,
		}},
		{"a route at the top to nothing is told once", map[string]string{"a.yaml": resourcesOf(routeTo("r", "a")), "groups/edge/a.yaml": "resources: []", "groups/inner/a.yaml": resourcesOf(cluster("b"))}, []string{
			`a.yaml:4: route "r"` + field + `names the cluster "a", which no file defines` + remedy,
		}},
		{"one name at the top and in groups", map[string]string{"a.yaml": resourcesOf(cluster("b"), cluster("a")), "groups/edge/x.yaml": resourcesOf(cluster("a")), "groups/inner/x.yaml": resourcesOf(cluster("c"), cluster("a"))}, []string{
			`groups/edge/x.yaml:2: cluster "a": is defined twice: the other one stands at a.yaml:7`,
			`groups/inner/x.yaml:7: cluster "a": is defined twice: the other one stands at a.yaml:7`,
		}},
		{"one name twice in a group", map[string]string{"groups/edge/x.yaml": resourcesOf(cluster("a")), "groups/edge/y.yaml": resourcesOf(cluster("a"))}, []string{
			`groups/edge/y.yaml:2: cluster "a": is defined twice: the other one stands at groups/edge/x.yaml:2`,
		}},
		{"a broken file at the top hides no definition", map[string]string{"a.yaml": "resources: [\n", "groups/edge/a.yaml": resourcesOf(routeTo("r", "a"))}, []string{
			`a.yaml:2: is not valid YAML: look at the indentation and the quotes at this line`,
		}},
		{"a broken file of one group is no other's matter", map[string]string{"groups/edge/a.yaml": "x: 1", "groups/inner/a.yaml": resourcesOf(routeTo("r", "a"))}, []string{
			`groups/edge/a.yaml:1: has a key "x" beside "resources": a resource stands in the list under "resources:"`,
			`groups/inner/a.yaml:4: route "r"` + field + `names the cluster "a", which no file defines, neither of the group "inner" nor at the top` + remedy,
		}},
		{"a reference at the top without a source, to a group's secret", map[string]string{"a.yaml": resourcesOf(sourceless("")), "groups/edge/a.yaml": resourcesOf(emptySecret)}, []string{
			`a.yaml:4: cluster "x": transport_socket.typed_config.common_tls_context.validation_context_sds_secret_config: names the secret "s", which the group "edge" defines, but not where to ask for it, so that an Envoy would look in its own start configuration alone: add "sds_config: {ads: {}, resource_api_version: V3}"`,
		}},
		{"a reference of a group without a source", map[string]string{"a.yaml": resourcesOf(emptySecret), "groups/edge/a.yaml": resourcesOf(sourceless(""))}, []string{
			`groups/edge/a.yaml:4: cluster "x": transport_socket.typed_config.common_tls_context.validation_context_sds_secret_config: names the secret "s", which a file defines, but not where to ask for it, so that an Envoy would look in its own start configuration alone: add "sds_config: {ads: {}, resource_api_version: V3}"`,
		}},
		{"a cluster on demand in the routes of a group's listener", map[string]string{"groups/edge/a.yaml": resourcesOf(hcmOfDemand, routeAway)}, nil},
		{"a cluster on demand by an extension at the top", map[string]string{
			"a.yaml":             resourcesOf(extension("od", `envoy.extensions.filters.http.on_demand.v3.OnDemand, odcds: {source: {ads: {}}}`)),
			"groups/edge/a.yaml": resourcesOf(listener("l", `http_filters: [{name: od, config_discovery: {config_source: {ads: {}}, type_urls: [type.googleapis.com/x]}}]`+"\n"+rds), routeAway),
		}, nil},
		{"a group's listener frees no routes at the top", map[string]string{"a.yaml": resourcesOf(routeAway), "groups/edge/a.yaml": resourcesOf(hcmOfDemand)}, []string{
			`a.yaml:4: route "r"` + field + `names the cluster "away", which no file defines` + remedy,
		}},
		{"a group's listener frees no routes of another group", map[string]string{"groups/inner/a.yaml": resourcesOf(routeAway), "groups/edge/a.yaml": resourcesOf(hcmOfDemand, routeAway)}, []string{
			`groups/inner/a.yaml:4: route "r"` + field + `names the cluster "away", which no file defines, neither of the group "inner" nor at the top` + remedy,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, ok := c.files["a.yaml"]; !ok {
				c.files["a.yaml"] = "resources: []"
			}
			_, got := readFolder(t, c.files, "outside")
			wantLines(t, got, c.want...)
		})
	}
}

const emptySecret = "\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  name: s\n  validation_context: {}\n"

// sourceless is a cluster that refers to the secret s, with the fields given beside its
// name.
func sourceless(fields string) string { return strings.TrimSuffix(staticSecret(fields), emptySecret) }
