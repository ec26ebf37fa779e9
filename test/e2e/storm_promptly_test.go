//go:build !long && linux

package e2e

// promptly is how soon an honest client is in, by the median, while strangers
// stall: here, before it gives up.
const promptly = honestPatience
