// Package turn compares callbox's TURN server with other servers, in one run: see
// docs/bench-turn.md.
//
//	go run ./bench turn
package turn
