// Package e2e tests the whole system: the real program, with real browsers, in
// network namespaces of its own. It holds nothing but tests;
// `go test ./e2e/...` runs them.
//
// Checks of a call report what is wrong by aspect (see aspect), so that a test of
// a call that is broken in one way can show that this aspect is reported, and no
// other.
package e2e
