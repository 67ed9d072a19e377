package e2e

import (
	"testing"

	"callbox/internal/schematest"
	"callbox/peer"
)

// checkSchema checks that the report of a bot is what its JSON Schema says.
func checkSchema(t *testing.T, text []byte) {
	t.Helper()
	if err := schematest.Validate(peer.JSONSchema(), text); err != nil {
		t.Errorf("the report does not fit its schema: %v\n%s", err, text)
	}
}

// checkFigures checks that a bot knows what it can know about a call with a side of that
// kind, and that what it cannot know is null.
func checkFigures(t *testing.T, r *peer.Report, other string) {
	t.Helper()
	if r.Security == nil || r.Security.Cipher == nil || r.Security.SRTP == nil {
		t.Errorf("security: %+v", r.Security)
	}
	if p := r.Data; p == nil || p.Pings == nil || p.Pings.RTTMS == nil {
		t.Errorf("data: %+v", p)
	}
	if p := r.Process; p == nil || p.CPUSeconds == nil || p.RSSMB == nil || p.GoroutinesLeft != 0 {
		t.Errorf("process: %+v", p)
	}
	for i := range r.Media {
		m := &r.Media[i]
		if m.Flowing && m.Dir == "recv" && (m.JitterMS == nil || m.Kbps == nil) {
			t.Errorf("received %s: jitter %v, rate %v", m.Kind, m.JitterMS, m.Kbps)
		}
		// Chromium reports about audio every five seconds or so, which is longer than the call.
		if m.Flowing && m.Dir == "send" && m.Kind == "video" && other == "chromium" && m.LossPct == nil {
			t.Error("sent video: Chromium has not reported its loss")
		}
		if m.LatencyMS != nil && (other != "bot" || m.Dir != "recv" || m.Kind != "video") {
			t.Errorf("%s %s: a latency of frames without a time, %+v", m.Dir, m.Kind, m.LatencyMS)
		}
		t.Logf("%s %s with %s: lost %v, %v %%, jitter %+v, round trip %+v", m.Dir, m.Kind, other, value(m.Lost), value(m.LossPct), m.JitterMS, m.RTTMS)
	}
}
