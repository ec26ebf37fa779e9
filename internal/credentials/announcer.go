package credentials

// Announcer is a provider whose material changes while the server runs, and that
// says when: for whoever has to act on new trust, such as by closing connections
// that the new roots do not verify. A provider without it has one generation for
// ever.
//
// Ask for the channel before the material, and no generation is missed: one that
// comes in between has closed the channel already.
//
//	for {
//		changed := p.Changed()
//		m, err := p.Material()
//		// act on m, or on err
//		<-changed
//	}
//
// Generations that follow each other faster than they are acted on coalesce: the
// next round has the latest.
type Announcer interface {
	// Changed returns a channel that is closed as soon as newer material than that
	// which Material returns at the time of the call is in force, so that whoever sees
	// it closed is given the newer one by Material. It never blocks and may be called
	// from many goroutines at once. Nothing is ever sent, all callers may be given the
	// same channel, and one that is waited for when the provider is closed stays open:
	// wait for the end of your own work besides.
	Changed() <-chan struct{}
}
