// Package scenario runs scenarios: YAML files that say which peers there are, and what they
// do, step by step. docs/peer.md describes the format, and peer/testdata has examples.
//
//	s, err := scenario.Parse("call.yaml", text)
//	report, err := s.Run(ctx, scenario.Options{Server: "http://127.0.0.1:8080"})
//
// [Parse] checks the whole file, so that a scenario that starts can only fail because of
// what happens. Each fault names the file, the line and the word.
//
// A parser (parse.go, parse_peer.go, parse_step.go) makes a step of each entry, with the
// function that takes it (steps.go). A runner (run.go) takes one after the other; its
// members (member.go) are the peers. The result is a [Report] (report.go).
package scenario
