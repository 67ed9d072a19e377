// Package signaling measures callbox's signaling side by side with servers
// that do the same job, in one run: see docs/bench-signaling.md.
//
//	go run ./bench signaling
package signaling
