package scenario_test

import (
	"fmt"
	"strings"
	"testing"

	"callbox/peer/scenario"
)

// Each fault is named with file, line, column and word.
func TestFaults(t *testing.T) {
	t.Parallel()
	const head = "scenario: x\npeers:\n  ann: {}\n  bo: {}\nsteps:\n"
	for _, tc := range []struct{ text, want string }{
		{"", "a.yaml: the file is empty"},
		{"a: [", "a.yaml: line 1"},
		{"scenario: x\npers: {}\n", `a.yaml:2:1: "pers": a scenario has no such entry; did you mean "peers"?`},
		{"scenario: x\nscenario: y\n", `a.yaml:2:1: "scenario" is there twice`},
		{"scenario: x\npeers: {}\nsteps: []\n", "a.yaml:2:8: peers: there are none"},
		{"peers: {ann: {}}\nsteps: [{join: ann}]\n", "a.yaml:1:1: the scenario has no name"},
		{"scenario: x\npeers:\n  ann: {vidio: none}\nsteps: [{join: ann}]\n", `a.yaml:3:9: "vidio": a peer has no such entry; did you mean "video"?`},
		{"scenario: x\npeers:\n  ann: {video: nun}\nsteps: [{join: ann}]\n", `a.yaml:3:16: "nun" is not pattern, none, or a file (.ivf, .h264, .264, .webm, .ogg, .opus, .rtpdump); did you mean "none"?`},
		{"scenario: x\npeers:\n  ann: {video: gone.ivf}\nsteps: [{join: ann}]\n", "a.yaml:3:3: open gone.ivf: no such file"},
		{"scenario: x\npeers:\n  ann: {echo: true, audio: speech}\nsteps: [{join: ann}]\n", "a.yaml:3:3: ann: echo replaces video and audio"},
		{"scenario: x\npeers:\n  ann: {size: 7x7}\nsteps: [{join: ann}]\n", "a.yaml:3:15: size 7x7"},
		{"scenario: x\npeers:\n  ann: {fps: 99}\nsteps: [{join: ann}]\n", "a.yaml:3:3: 99 frames per second"},
		{"scenario: x\npeers:\n  ann: {video: none, audio: beep}\nsteps: [{join: ann}]\n", "a.yaml:3:3: beeps belong to frames"},
		{"scenario: x\npeers:\n  ann: {network: {loss: 200%}}\nsteps: [{join: ann}]\n", `a.yaml:3:25: "200%" is not a percentage`},
		{"scenario: x\npeers:\n  ann: {network: {delay: 1h}}\nsteps: [{join: ann}]\n", "a.yaml:3:26: 1h0m0s is more than 10s"},
		{"scenario: x\npeers:\n  ann: {expect: \"frmes>1\"}\nsteps: [{join: ann}]\n", `a.yaml:3:17: expectation "frmes>1": there is no "frmes" in a report; did you mean "frames"?`},
		{"scenario: x\npeers:\n  ann: {room: b}\nrooms: {a: {}}\nsteps: [{join: ann}]\n", `a.yaml:3:15: "b" is not one of the rooms`},
		{"scenario: x\npeers:\n  ann: {}\nrooms: {a: {}, b: {}}\nsteps: [{join: ann}]\n", "a.yaml:3:3: ann: say in which of the rooms"},
		{head + "  - wiat: 3s\n", `a.yaml:6:5: "wiat": there is no such step; did you mean "wait"?`},
		{head + "  - wait\n", `a.yaml:6:5: "wait": a step is one word with a colon`},
		{head + "  - wait: soon\n", `a.yaml:6:11: "soon" is not a duration`},
		{head + "  - call: [ann, bob]\n", `a.yaml:6:17: "bob" is not one of the peers; did you mean "bo"?`},
		{head + "  - call: [ann]\n", "a.yaml:6:11: a call is between two peers"},
		{head + "  - join: ann\n", "a.yaml:4:3: bo never joins"},
		{head + "  - join: [ann, ann]\n", "a.yaml:6:17: ann is in its room already"},
		{head + "  - cut: ann\n", "a.yaml:6:10: ann is not in a room at this step"},
		{head + "  - call: [ann, bo]\n  - hang_up: bo\n  - mute: bo\n", "a.yaml:8:11: bo is not in a room at this step"},
		{head + "  - call: [ann, bo]\n  - wait: {peer: ann}\n", "a.yaml:7:11: wait: say for what"},
		{head + "  - call: [ann, bo]\n  - wait: {peer: ann, event: joind}\n", `a.yaml:7:30: "joind" is not`},
		{head + "  - call: [ann, bo]\n  - network: {loss: 5%}\n", "a.yaml:7:14: network: say which peer"},
		{head + "  - call: [ann, bo]\n  - chat: {from: ann, text: hi}\n", "a.yaml:7:11: chat: say from: whom"},
		{head + "  - expect: {ann: \"path=direct\"}\n", "a.yaml:6:14: ann has not joined before this step"},
		{head + "  - join: &x ann\n  - join: *x\n", "a.yaml:7:11: *x: aliases cannot be used here"},
		{"scenario: x\npeers:\n  ann: {audio: none}\nsteps: [{join: ann}, {mute: ann}]\n", "a.yaml:4:29: ann does not send audio and video"},
	} {
		_, err := scenario.Parse("a.yaml", []byte(tc.text))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v\nwant %s", tc.text, err, tc.want)
		}
	}
}

// All faults of a file are told at once, but not more than a person reads.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("scenario: x\npeers: {ann: {}}\nsteps:\n  - join: ann\n")
	for range 50 {
		text.WriteString("  - wait: long\n")
	}
	_, err := scenario.Parse("a.yaml", []byte(text.String()))
	if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != 20 {
		t.Errorf("%d faults: %v", n, err)
	}
	if _, err := scenario.Parse("a.yaml", make([]byte, scenario.MaxBytes+1)); err == nil {
		t.Error("a file of more than MaxBytes is taken")
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range examples(f) {
		f.Add(read(f, file))
	}
	f.Add([]byte("scenario: x\npeers: {a: *b}\nsteps: [{*a : }]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := scenario.Parse("a.yaml", text)
		if (s == nil) != (err != nil) {
			t.Errorf("%v, %v", s, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "a.yaml:") {
			t.Errorf("the error does not name the file: %v", err)
		}
	})
}
