package resources

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

func versions(s *Snapshot) map[string]string {
	all := map[string]string{}
	for _, t := range Types() {
		all[t.Label] = s.Version(t.URL)
	}
	return all
}

func mustRead(t testing.TB, files map[string]string) *Snapshot {
	t.Helper()
	s, problem := readFolder(t, files)
	if problem != "" {
		t.Fatal(problem)
	}
	return s
}

// TestVersionsAreOfContentAlone compares folders that hold the same in other ways.
func TestVersionsAreOfContentAlone(t *testing.T) {
	manager := "http_filters: [" + router + "]\n" + inlineRoute
	one := mustRead(t, map[string]string{"a.yaml": resourcesOf(cluster("away"), cluster("b"), listener("l", manager))})
	for _, c := range []struct {
		name  string
		files map[string]string
	}{
		{"the same again", map[string]string{"a.yaml": resourcesOf(cluster("away"), cluster("b"), listener("l", manager))}},
		{"another order", map[string]string{"a.yaml": resourcesOf(listener("l", manager), cluster("b"), cluster("away"))}},
		{"other files", map[string]string{"z.yml": resourcesOf(cluster("b")), "y.yaml": resourcesOf(cluster("away")), "x.yaml": resourcesOf(listener("l", manager))}},
		{"an empty file more", map[string]string{"a.yaml": resourcesOf(cluster("away"), cluster("b"), listener("l", manager)), "b.yaml": "resources: []"}},
		{"another order of fields, and JSON", map[string]string{
			"a.yaml": resourcesOf(cluster("b"), listener("l", inlineRoute+"\nhttp_filters: ["+router+"]")),
			"b.json": `{"resources": [{"type": "STATIC", "connectTimeout": "1.000s", "name": "away", "@type": "` + clusterURL + `"}]}`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := mustRead(t, c.files)
			if diff := cmp.Diff(versions(one), versions(other)); diff != "" {
				t.Error(diff)
			}
			if !one.sameAs(other) {
				t.Error("they count as different")
			}
		})
	}
}

func TestVersionsDifferWithContent(t *testing.T) {
	base := map[string]string{"a.yaml": resourcesOf(cluster("a"), cluster("b"))}
	one := mustRead(t, base)
	for _, c := range []struct{ name, content string }{
		{"a field", resourcesOf(cluster("a"), strings.Replace(cluster("b"), "1s", "2s", 1))},
		{"a name", resourcesOf(cluster("a"), cluster("c"))},
		{"one less", resourcesOf(cluster("a"))},
		{"none", "resources: []"},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := mustRead(t, map[string]string{"a.yaml": c.content})
			if one.Version(clusterURL) == other.Version(clusterURL) || one.sameAs(other) {
				t.Error("the version is the same")
			}
			if one.Version(listenerURL) != other.Version(listenerURL) {
				t.Error("the version of another type changed with it")
			}
		})
	}
}

// TestVersionsStayAsTheyWere holds the hash itself: were it another one after an
// update of contour, the whole fleet would be sent everything anew.
func TestVersionsStayAsTheyWere(t *testing.T) {
	s := mustRead(t, map[string]string{"a.yaml": resourcesOf(cluster("a"))})
	const want = "564adbf8538dfbdb02650d3c1172cdd2"
	if got := s.Version(clusterURL); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSnapshotIsSortedAndEncoded(t *testing.T) {
	s := mustRead(t, map[string]string{"a.yaml": resourcesOf(cluster("c"), cluster("a")), "b.yaml": resourcesOf(cluster("b"))})
	var names []string
	for _, r := range s.Resources(clusterURL) {
		names = append(names, r.Name)
		again := r.Message.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(r.Body, again); err != nil || !proto.Equal(again, r.Message) {
			t.Errorf("%s: the body is not the message", r.Name)
		}
		if len(r.Version) != 2*versionBytes {
			t.Errorf("%s: version %q", r.Name, r.Version)
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Error(diff)
	}
	if s.Version("type.googleapis.com/nobody.Knows") != "" || s.Resources("nobody.Knows") != nil {
		t.Error("a type that is not served has resources")
	}
}

// TestBodiesAreDeterministicAtAllDepths encodes maps, inside of an Any and outside,
// often enough for their order to show.
func TestBodiesAreDeterministicAtAllDepths(t *testing.T) {
	var entries []string
	for i := range 20 {
		entries = append(entries, fmt.Sprintf("f%d: {k%d: v}", i, i))
	}
	meta := strings.Join(entries, ", ")
	manager := `route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}, metadata: {filter_metadata: {` + meta + `}}}]}]}`
	content := resourcesOf(listener("l", manager), clusterOf("x", "type: STATIC\nmetadata: {filter_metadata: {"+meta+"}}"))
	first := mustRead(t, map[string]string{"a.yaml": content})
	for range 20 {
		again := mustRead(t, map[string]string{"a.yaml": content})
		for _, url := range []string{clusterURL, listenerURL} {
			one, other := first.Resources(url)[0], again.Resources(url)[0]
			if !bytes.Equal(one.Body, other.Body) || one.Version != other.Version {
				t.Fatalf("two readings of one %s differ", one.Name)
			}
		}
	}
}

func TestStringsAreWrittenAsJSON(t *testing.T) {
	for _, s := range []string{"", "plain", "a\"b\\c", "line\nbreak\ttab\x00\x1f", "é😀\u2028", "</script>"} {
		var back string
		if err := json.Unmarshal(appendString(nil, s), &back); err != nil || back != s {
			t.Errorf("%q came back as %q (%v)", s, back, err)
		}
	}
}
