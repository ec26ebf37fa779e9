// Package credentials holds what contour identifies itself with and whom it
// trusts: the [CredentialProvider] interface, its implementations, and the TLS
// policy that turns any provider's material into a [crypto/tls.Config].
//
// A provider is chosen on the command line and handed to the gRPC server as a
// *tls.Config made by [ServerTLS]. Nothing else of contour knows where
// credentials come from, so that a further provider changes nothing but the
// place that chooses. docs/design/0002-credential-providers.md says how to add
// one.
package credentials

// CredentialProvider gives the credentials in force. It is small on purpose:
// what some providers can do besides is a further small interface that they may
// also satisfy.
//
// An implementation loads its first material in its constructor and fails there,
// so that a server never listens without credentials. One whose material changes
// later validates a new generation whole before it swaps it in, and keeps the
// last good one otherwise.
type CredentialProvider interface {
	// Material returns the generation in force. It is called for each handshake,
	// from many goroutines at once, so that it must be quick: it returns what is in
	// memory and never waits for a disk or a peer. The caller must not change what
	// it gets. An error means that there is nothing to serve with; the handshake is
	// refused and the next one asks again.
	Material() (*Material, error)

	// Close ends whatever the provider runs in the background and waits for it.
	// Material goes on returning the last generation. It may be called more than
	// once.
	Close() error
}
