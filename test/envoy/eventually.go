package envoy

import (
	"errors"
	"testing"
	"time"
)

const pollInterval = 50 * time.Millisecond

// permanent is an error that no waiting mends.
type permanent struct{ error }

// Eventually calls check until it returns nil. If it has not when the deadline
// ends, the test fails, with what was waited for and the last error. It must run
// in the goroutine of the test.
func Eventually(t testing.TB, deadline time.Duration, what string, check func() error) {
	t.Helper()
	start := time.Now()
	for {
		err := check()
		if err == nil {
			return
		}
		if errors.As(err, new(permanent)) {
			t.Fatalf("%s: %v", what, err)
		}
		if time.Since(start) > deadline {
			t.Fatalf("%s: not within %v: %v", what, deadline, err)
		}
		time.Sleep(pollInterval)
	}
}
