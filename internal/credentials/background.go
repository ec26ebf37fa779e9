package credentials

import (
	"context"
	"sync"
)

// background is the one goroutine of a provider: its constructor starts it, and
// Close ends it.
type background struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// start runs run, which is to return when its context ends.
func (b *background) start(run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.done.Go(func() { run(ctx) })
}

// Close implements [CredentialProvider]: it ends the watching and waits for it.
func (b *background) Close() error {
	b.cancel()
	b.done.Wait()
	return nil
}
