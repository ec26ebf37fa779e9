//go:build long

package release

import (
	"testing"
	"time"
)

// startUpLimit is what operators were promised of a start, all message types
// registered. It is some ten times what a quiet machine needs.
const startUpLimit = 300 * time.Millisecond

func TestLongStartUpIsQuick(t *testing.T) {
	programs := buildPrograms(t)
	var rounds []startUps
	for range 21 {
		rounds = append(rounds, programs.start(t))
	}
	empty, version, serve := median(rounds, emptyTime), median(rounds, versionTime), median(rounds, serveTime)
	t.Logf("medians: an empty program %v, contour version %v, contour serve until it listens %v", empty, version, serve)
	if version > startUpLimit {
		t.Errorf("contour version takes %v, more than %v", version, startUpLimit)
	}
	if serve > startUpLimit {
		t.Errorf("contour serve listens after %v, more than %v", serve, startUpLimit)
	}
}
