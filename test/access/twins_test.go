package access

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/contour-xds/contour/internal/certtest"
	contourtest "github.com/contour-xds/contour/test/contour"
)

// twins are two contours that differ in nothing but secrets that the client must not
// have: the first has them, and the second never had any.
type twins struct {
	t             *testing.T
	ca            *certtest.CA
	pair          *certtest.Pair
	with, without *contourtest.Server
	// poor is the folder of the second.
	poor string
	// forbidden are the names of what only the first has.
	forbidden []string
	things    []thing
}

func newTwins(t *testing.T) *twins {
	t.Helper()
	tw := &twins{t: t, ca: certtest.NewCA(t, "channel"), poor: t.TempDir(), things: world()}
	uri, err := url.Parse(spiffeA)
	must(t, err)
	leaf := certtest.Client()
	leaf.URIs = []*url.URL{uri}
	tw.pair = tw.ca.Issue(t, leaf)
	files := certtest.WriteFiles(t, t.TempDir(), tw.ca, tw.ca.Issue(t, certtest.Server()))
	p := policies()[1]
	seen := judge(tw.things, p, identities()[0], "a", "").visible
	var poor []thing
	for _, th := range tw.things {
		switch {
		case slices.ContainsFunc(seen, func(other thing) bool {
			return other.scope == th.scope && other.kind == th.kind && other.name == th.name
		}):
			poor = append(poor, th)
		case th.kind == "secret" && th.name != "s-common":
			tw.forbidden = append(tw.forbidden, th.name)
		}
	}
	rich, keys := t.TempDir(), folderKeys(t)
	write(t, rich, tw.things, keys)
	write(t, tw.poor, poor, keys)
	tw.with, tw.without = serve(t, rich, files, p), serve(t, tw.poor, files, p)
	return tw
}

// record has the client ask in one way, and returns each byte of the answers.
func (tw *twins) record(server *contourtest.Server, s service, delta bool, script []question) []byte {
	tw.t.Helper()
	conn, into := dial(tw.t, server.XDS, tw.ca, tw.pair)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(tw.t.Context(), patience)
	defer cancel()
	talk, err := open(ctx, conn, s.method(delta), delta, "secret", &corev3.Node{Id: "x", Cluster: "a", UserAgentName: "envoy"})
	must(tw.t, err)
	for _, q := range script {
		must(tw.t, talk.ask(q))
	}
	must(tw.t, talk.end())
	return into.data()
}

// eachWay calls test for each way to ask for secrets, by each service that has them.
func (tw *twins) eachWay(test func(what string, s service, delta bool, w way)) {
	for _, s := range services()[:2] {
		for _, delta := range []bool{false, true} {
			for _, w := range ways() {
				test(fmt.Sprintf("%s, delta %v, %s", s.label, delta, w.title), s, delta, w)
			}
		}
	}
}

// difference says where two answers differ, and shows nothing of them: there are keys
// in them.
func difference(a, b []byte) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("of %d and %d bytes, the first %d are the same", len(a), len(b), i)
}

// TestAForbiddenSecretLooksLikeOneThatIsMissing asks for forbidden names in every way,
// in answers of which not a byte may tell whether they exist.
func TestAForbiddenSecretLooksLikeOneThatIsMissing(t *testing.T) {
	t.Parallel()
	tw := newTwins(t)
	all := append(slices.Clone(tw.forbidden), "s-top", "s-a-route", "s-a-folder")
	slices.Sort(all)
	tw.eachWay(func(what string, s service, delta bool, w way) {
		with, without := tw.record(tw.with, s, delta, w.script("secret", all)), tw.record(tw.without, s, delta, w.script("secret", all))
		if len(with) == 0 && !slices.Contains([]string{ways()[1].title}, w.title) || !bytes.Equal(with, without) {
			t.Errorf("%s: the answers tell whether they exist: %s", what, difference(with, without))
		}
	})
}

// TestAForbiddenNameIsAnsweredAsAMadeUpOne asks one server for either, one by one.
func TestAForbiddenNameIsAnsweredAsAMadeUpOne(t *testing.T) {
	t.Parallel()
	tw := newTwins(t)
	for _, name := range tw.forbidden {
		madeUp := slices.Repeat([]byte("z"), len(name))
		tw.eachWay(func(what string, s service, delta bool, w way) {
			if slices.Contains([]string{ways()[0].title, ways()[1].title}, w.title) || name != tw.forbidden[0] && len(what)%4 != len(name)%4 {
				return // names nothing; and the first name alone has its turn in every way
			}
			names := func(name string) []string { return []string{"s-a-nested", name} }
			forbidden := tw.record(tw.with, s, delta, w.script("secret", names(name)))
			missing := tw.record(tw.with, s, delta, w.script("secret", names(string(madeUp))))
			if len(missing) == 0 || !bytes.Equal(bytes.ReplaceAll(forbidden, []byte(name), madeUp), missing) {
				t.Errorf("%s: %s is not answered as what is made up: %s", what, name, difference(bytes.ReplaceAll(forbidden, []byte(name), madeUp), missing))
			}
		})
	}
}

// TestAForbiddenSecretComesAndGoesUnnoticed has secrets come, change and go while a
// client that asked for all of them listens.
func TestAForbiddenSecretComesAndGoesUnnoticed(t *testing.T) {
	t.Parallel()
	tw := newTwins(t)
	var listening []*talk
	var heard []*recording
	for _, delta := range []bool{false, true} {
		conn, into := dial(t, tw.without.XDS, tw.ca, tw.pair)
		talk, err := open(t.Context(), conn, services()[0].method(delta), delta, "secret", &corev3.Node{Cluster: "a"})
		must(t, err)
		must(t, talk.ask(question{add: append(slices.Clone(tw.forbidden), everything)}))
		must(t, talk.ask(question{accepts: true, silent: true})) // else it is sent nothing more
		listening, heard = append(listening, talk), append(heard, into)
	}
	before := []int{len(heard[0].data()), len(heard[1].data())}
	folder := filepath.Join(tw.poor, "groups", "b")
	secret := func(name, text string) []byte {
		return fmt.Appendf(nil, "resources: [{\"@type\": %s, name: %s, generic_secret: {secret: {inline_string: %s}}}]", typeURLs["secret"], name, text)
	}
	for turn, text := range []string{"first", "second"} {
		must(t, os.MkdirAll(folder, 0o755))
		certtest.WriteFile(t, filepath.Join(folder, "all.yaml"), secret("s-b-listener", text))
		certtest.WriteFile(t, filepath.Join(tw.poor, "loose.yaml"), secret("s-top-loose", text))
		tw.wantReloads(turn + 1)
	}
	must(t, os.RemoveAll(folder))
	must(t, os.Remove(filepath.Join(tw.poor, "loose.yaml")))
	tw.wantReloads(3)
	for i, talk := range listening {
		must(t, talk.end())
		if more := len(heard[i].data()) - before[i]; more > 0 {
			t.Errorf("delta %v: the client was sent %d bytes", talk.delta, more)
		}
	}
}

// wantReloads waits until so many changes are served. One of two files may come as two.
func (tw *twins) wantReloads(atLeast int) {
	tw.t.Helper()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		n, err := tw.without.Metric("contour_resources_reloads_total", "result", "success")
		must(tw.t, err)
		if int(n) >= atLeast {
			return
		}
		if time.Since(start) > patience {
			tw.t.Fatalf("%v changes are served, not %d", n, atLeast)
		}
	}
}
