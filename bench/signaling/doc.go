// Package signaling compares callbox's signaling server with other servers, in one run:
// see docs/bench-signaling.md.
//
//	go run ./bench signaling
package signaling
