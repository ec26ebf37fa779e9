// Contour is an xDS management server for Envoy whose channel is secured by
// mutual TLS. See README.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for an orderly end; the next one is obeyed at once.
	context.AfterFunc(ctx, stop)
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "contour: "+withoutPEM(err.Error()))
		os.Exit(1)
	}
}

// pemMark begins whatever is PEM.
const pemMark = "-----BEGIN"

// withoutPEM cuts a text where PEM begins. It is the last door for a key that was
// given in place of a path, and repeated by an error of a library.
func withoutPEM(text string) string {
	if i := strings.Index(text, pemMark); i >= 0 {
		return text[:i] + "[PEM left out]: give the path of a file, not what is in it"
	}
	return text
}

// maxShownKey bounds what is repeated of a file, in bytes.
const maxShownKey = 64

// shown is a key of a file as an error may repeat it.
func shown(key string) string {
	if len(key) > maxShownKey {
		key = key[:maxShownKey] + "…"
	}
	return withoutPEM(key)
}
