package xds_test

import (
	"fmt"
	"slices"

	grpcpeer "google.golang.org/grpc/peer"

	"github.com/contour-xds/contour/internal/xds"
)

// A generous gate grants by name every secret that tests of the protocol use, which is
// what they are about, and not who may have it.
type generous struct{}

func (generous) Join(*grpcpeer.Peer, string, string) (xds.Pass, error) {
	return xds.Pass{Secrets: generousSecrets}, nil
}

func (generous) Changed() <-chan struct{} { return nil }

var generousSecrets = func() []string {
	names := []string{"a-secret", "b-secret", "none", "other"}
	for c := 'a'; c <= 'z'; c++ {
		names = append(names, string(c))
	}
	for i := range 64 {
		names = append(names, fmt.Sprintf("big-%d", i))
	}
	slices.Sort(names)
	return names
}()
