// Package turn tests the TURN server as a whole, also with the clients of other
// projects: it relays every byte, faults do not end it, and it frees everything that
// has ended. The package holds nothing but tests; `go test ./e2e/turn` runs them.
package turn
