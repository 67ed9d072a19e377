package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestList checks that the list fits the sources: every text is there exactly
// once.
func TestList(t *testing.T) {
	names := make(map[string]bool)
	count := make(map[string]int)
	for _, m := range mutants() {
		text, err := os.ReadFile(filepath.Join("..", m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if changed, ok := m.apply(string(text)); !ok || changed == string(text) {
			t.Errorf("%s: %q is not in %s exactly once", m.name, m.old, m.file)
		}
		if names[m.name] || m.name == "" || m.why == "" || len(m.caught) == 0 {
			t.Errorf("%q has the name of another mutant, or a field is missing", m.name)
		}
		names[m.name] = true
		for _, s := range m.caught {
			if !slices.Contains(suites(""), s) {
				t.Errorf("%s: there is no suite %q", m.name, s)
			}
			count[s]++
		}
	}
	for s, least := range map[string]int{fault: 12, conformance: 12, sockets: 3} {
		if count[s] < least {
			t.Errorf("%d defects are for the suite %s, want %d at least", count[s], s, least)
		}
	}
}

func TestApply(t *testing.T) {
	m := mutant{old: "a", new: "b"}
	for text, want := range map[string]string{"xay": "xby", "xy": "", "aa": ""} {
		if got, ok := m.apply(text); got != want || ok != (want != "") {
			t.Errorf("apply(%q) = %q, %v", text, got, ok)
		}
	}
	if _, ok := (&mutant{old: "a", new: "a"}).apply("a"); ok {
		t.Error("a defect that changes nothing is planted")
	}
}

func TestJudge(t *testing.T) {
	for said, want := range map[string]verdict{
		"ok callbox/signaling 3s":                       notCaught,
		"--- FAIL: TestRule01\nFAIL":                    caught,
		"FAIL callbox/signaling [build failed]":         noCompile,
		"panic: test timed out after 5m0s\nFAIL":        caught,
		"ok callbox/signaling 0.1s [no tests to run]\n": "",
	} {
		got, err := judge([]byte(said), want == caught || want == noCompile)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("judge(%q) = %q, %v, want %q", said, got, err, want)
		}
	}
}
