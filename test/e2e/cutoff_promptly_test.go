//go:build !long

package e2e

// cutOff is how soon a connection is closed that may stand no more: here, on a machine
// that does much besides.
const cutOff = deadline
