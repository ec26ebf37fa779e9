// Package process says how tests start the processes that they own, so that none
// outlives them.
package process
