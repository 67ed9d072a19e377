package peer

import (
	"strings"
	"testing"
)

// reportOf makes a report with the four metrics.
func reportOf(path PathType, connectMS int64, receivedPct float64, received, intact int64) *Report {
	seen, connected := int64(7), 7+connectMS
	return &Report{
		Path:       &Path{Type: path},
		TimelineMS: Timeline{PeerSeen: &seen, DTLSConnected: &connected},
		Media: []Media{
			{Kind: "video", Dir: "send", Frames: &Frames{}},
			{Kind: "video", Dir: "recv", Frames: &Frames{ReceivedPct: &receivedPct, Received: &received, Intact: &intact}},
		},
	}
}

func TestExpectations(t *testing.T) {
	t.Parallel()
	r := reportOf(Relayed, 1500, 99.999, 300, 299)
	for expr, want := range map[string]struct {
		ok     bool
		actual string
	}{
		"path=relay":        {true, "relay"},
		"path=direct":       {false, "relay"},
		" path = relay ":    {true, "relay"},
		"connect<3s":        {true, "1.5s"},
		"connect<1.5s":      {false, "1.5s"},
		"connect<=1500ms":   {true, "1.5s"},
		"connect>1s":        {true, "1.5s"},
		"connect>=1.6s":     {false, "1.5s"},
		"connect=1.5s":      {true, "1.5s"},
		"frames>=95%":       {true, "99.99%"},
		"frames=100%":       {false, "99.99%"},
		"intact>99.5%":      {true, "99.66%"},
		"intact=100%":       {false, "99.66%"},
		"intact >= 99.666%": {true, "99.66%"},
	} {
		all, err := ParseExpectations(expr)
		if err != nil || len(all) != 1 {
			t.Errorf("%q: %v, %v", expr, all, err)
			continue
		}
		got := all[0].Evaluate(r)
		if got.OK != want.ok || got.Actual == nil || *got.Actual != want.actual || got.Expr != strings.TrimSpace(expr) {
			t.Errorf("%q: %+v", expr, got)
		}
	}
}

func TestUnknownIsNotMet(t *testing.T) {
	t.Parallel()
	all, err := ParseExpectations("path=relay,connect<3s,frames>=0%,intact>=0%")
	if err != nil || len(all) != 4 {
		t.Fatal(err)
	}
	received := int64(0)
	for _, r := range []*Report{{}, {Media: []Media{{Kind: "video", Dir: "recv"}}}, {Media: []Media{{Kind: "video", Dir: "recv", Frames: &Frames{Received: &received, Intact: &received}}}}} {
		for _, e := range all {
			if got := e.Evaluate(r); got.OK || got.Actual != nil {
				t.Errorf("%v: %+v", e, got)
			}
		}
	}
}

func TestBadExpectations(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		"path":                   "METRIC OPERATOR VALUE",
		",":                      "METRIC OPERATOR VALUE",
		"mos>4":                  `unknown metric "mos"; the metrics are path, connect, frames, intact`,
		"loss<1%":                `unknown metric "loss"`,
		"=3":                     `unknown metric ""`,
		"path=host":              `path must be direct or relay, not "host"`,
		"path<relay":             "only be compared with =",
		"connect<3":              "not a duration",
		"connect<-3s":            "not a duration",
		"connect<":               "not a duration",
		"frames>=95":             "not a percentage",
		"frames>=101%":           "not a percentage",
		"frames>=-1%":            "not a percentage",
		"frames>=NaN%":           "not a percentage",
		"frames=>95%":            "not a percentage",
		"intact==100%":           "not a percentage",
		"intact!100%":            "METRIC OPERATOR VALUE",
		strings.Repeat(",", 100): "at most 64",
	} {
		all, err := ParseExpectations(expr)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", expr, all, err)
		}
	}
	_, err := ParseExpectations("mos>4,path=relay,frames>=95")
	if err == nil || !strings.Contains(err.Error(), "mos") || !strings.Contains(err.Error(), "frames") {
		t.Errorf("not all faults are told: %v", err)
	}
	if all, err := ParseExpectations("  "); all != nil || err != nil {
		t.Errorf("nothing expected: %v, %v", all, err)
	}
}

func FuzzParseExpectations(f *testing.F) {
	f.Add("path=relay,connect<3s,frames>=95%,intact=100%")
	f.Add("a<=>b")
	f.Add("frames>=1e400%")
	r := reportOf(Direct, 10, 50, 2, 1)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseExpectations(text)
		if err != nil {
			return
		}
		for _, e := range all {
			if got := e.Evaluate(r); got.Actual == nil || got.Expr == "" {
				t.Errorf("%q: %+v", text, got)
			}
			if again, err := ParseExpectations(e.String()); err != nil || len(again) != 1 {
				t.Errorf("%q is not read again: %v", e, err)
			}
		}
	})
}
