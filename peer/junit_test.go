package peer

import (
	"encoding/json"
	"encoding/xml"
	"testing"
)

// suites is what a CI system reads of a JUnit file.
type suites struct {
	Suite struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
			Error *struct {
				Message string `xml:"message,attr"`
				Text    string `xml:",chardata"`
			} `xml:"error"`
		} `xml:"testcase"`
		Out string `xml:"system-out"`
	} `xml:"testsuite"`
}

func readJUnit(tb testing.TB, r *Report) (s suites) {
	tb.Helper()
	text, err := r.JUnit()
	if err != nil {
		tb.Fatal(err)
	}
	if err := xml.Unmarshal(text, &s); err != nil {
		tb.Fatalf("%v in %s", err, text)
	}
	var out Report
	if err := json.Unmarshal([]byte(s.Suite.Out), &out); err != nil || out.ExitCode != r.ExitCode {
		tb.Errorf("system-out is not the report (%v): %s", err, s.Suite.Out)
	}
	return s
}

func TestJUnitHasACaseForEachExpectation(t *testing.T) {
	t.Parallel()
	expect, err := ParseExpectations("path=relay,path=direct,rtt.p95<5ms,video.recv.frames.fps>1")
	if err != nil {
		t.Fatal(err)
	}
	r := reportOf(Relayed, 10, 50, 2, 1)
	r.Peer.Room = `a "room" <]]>`
	r.setResult(&Config{Expect: expect}, Good, "hung up")
	s := readJUnit(t, r).Suite
	if s.Tests != 5 || s.Failures != 3 || s.Errors != 0 || s.Name != `callbox peer a "room" <]]>` || s.Cases[0].Error != nil {
		t.Fatalf("%+v", s)
	}
	for i, want := range []string{"", "the value is relay", "the value is 42.125ms", "the value is not known"} {
		c := s.Cases[i+1]
		if c.Name != expect[i].String() || (c.Failure == nil) != (want == "") || c.Failure != nil && c.Failure.Message != want {
			t.Errorf("%+v, want %q", c, want)
		}
	}
}

func TestJUnitOfACallThatFailed(t *testing.T) {
	t.Parallel()
	r := newReport(&Config{Room: "r", Scenario: "relay only"})
	f := Failure{StageICE, "no_pair", "no pair worked & \x00 <no> reason"}
	r.Errors = []Failure{f}
	r.setResult(&Config{}, NotConnected, f.Hint)
	s := readJUnit(t, r).Suite
	if s.Tests != 1 || s.Errors != 1 || s.Name != "relay only" || s.Cases[0].Error == nil {
		t.Fatalf("%+v", s)
	}
	if e := s.Cases[0].Error; e.Message != "no pair worked & \uFFFD <no> reason" || e.Text == "" {
		t.Errorf("%+v", e)
	}
}
