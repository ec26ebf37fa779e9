package xds_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/resources"
)

// TestHastyPublishingNeitherStarvesNorBreaks publishes faster than the client
// answers, for longer than the server is patient: routes are sent all the same,
// and never refer to a cluster that the client has not.
func TestHastyPublishingNeitherStarvesNorBreaks(t *testing.T) {
	t.Parallel()
	for _, delta := range []bool{false, true} {
		t.Run(fmt.Sprintf("delta is %v", delta), func(t *testing.T) {
			t.Parallel()
			hastyPublishing(t, delta)
		})
	}
}

func hastyPublishing(t *testing.T, delta bool) {
	const turns = 40
	var all []*resources.Snapshots
	for i := 1; i <= turns; i++ {
		cluster := fmt.Sprintf("c%d", i)
		all = append(all, content{"cluster/" + cluster: 1, "route/r>" + cluster: i}.snapshot(t))
	}
	f := start(t)
	f.Publish(all[0])
	p := newPeer(t, f.conn, delta)
	p.subscribe("cluster", nil, nil)
	p.subscribe("route", []string{"r"}, nil)

	ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
	defer cancel()
	var publishing sync.WaitGroup
	defer publishing.Wait()
	publishing.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			f.Publish(all[i%turns])
			time.Sleep(5 * time.Millisecond)
		}
	})
	routes := 0
	for ctx.Err() == nil {
		u := p.next()
		time.Sleep(20 * time.Millisecond) // it takes an Envoy a while
		p.answer(u.label, false)
		if u.label == "route" {
			routes++
		}
		route, ok := p.of("route").view["r"]
		if _, has := p.of("cluster").view[fmt.Sprintf("c%d", route.revision)]; ok && !has {
			t.Errorf("after %q, the %d. response about routes, the client's route refers to c%d, and it has %v",
				u, routes, route.revision, p.of("cluster").view)
			return
		}
	}
	if routes < 10 {
		t.Errorf("%d responses about routes, while each answer took 20 ms", routes)
	}
}
