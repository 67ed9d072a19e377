// Package e2e tests the whole system: the real program, in real browsers and
// on networks of its own. All of it is tests; `go test ./e2e/...` runs them.
//
// What is seen and heard is judged by concern (see concern), so that a test of
// a broken call can show that exactly the concern that should notice does.
package e2e
