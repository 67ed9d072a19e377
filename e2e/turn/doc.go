// Package turn tests the TURN server with clients of others, and as a whole:
// what it relays is exact to the byte, faults end nothing, and nothing is left
// of what has ended. All of it is tests; `go test ./e2e/turn` runs them.
package turn
