// Package turn measures callbox's TURN server side by side with others that do
// the same job, in one run: see docs/bench-turn.md.
//
//	go run ./bench turn
package turn
