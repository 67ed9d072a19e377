package peer

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// reportOf makes a report with the metrics that have short names.
func reportOf(path PathType, connectMS int64, receivedPct float64, received, intact int64) *Report {
	seen, connected := int64(7), 7+connectMS
	loss, more, codec := 0.25, 1.5, "video/VP8"
	p95 := 812.5
	return &Report{
		Result: Pass,
		Path: &Path{
			Route: Route{Type: path, Local: LocalEnd{Type: "host"}}, Changes: 1,
			Moves: []Move{{TMS: 2500}}, RTTMS: &Distribution{Min: 0.5, P95: 42.125, Max: 1200},
		},
		TimelineMS: Timeline{PeerSeen: &seen, DTLSConnected: &connected},
		Media: []Media{
			{Kind: "video", Dir: "send", Frames: &Frames{}},
			{
				Kind: "video", Dir: "recv", Codec: &codec, Flowing: true, LossPct: &loss, Kbps: &Rate{Mean: 700, P95: &p95},
				Frames: &Frames{ReceivedPct: &receivedPct, Received: &received, Intact: &intact, Missing: []int64{17, 18}},
			},
			{Kind: "audio", Dir: "recv", LossPct: &more},
			{Kind: "audio", Dir: "send", LossPct: &receivedPct},
		},
		Audio:   &AudioQuality{MOSEstimate: 4.37},
		Process: &Process{RSSMB: &p95},
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
		"loss<1%":           {false, "1.5%"},
		"loss<=1.5%":        {true, "1.5%"},
		"mos>4":             {true, "4.37"},
		"rtt.p95<50ms":      {true, "42.125ms"},
		"rtt.max<1.1s":      {false, "1.2s"},

		"path.type=relay":               {true, "relay"},
		"path.local.type=host":          {true, "host"},
		"path.changes<=1":               {true, "1"},
		"path.moves.0.t_ms>2s":          {true, "2.5s"},
		"path.rtt_ms.p95<42.2":          {true, "42.125ms"},
		"video.recv.loss_pct<1%":        {true, "0.25%"},
		"video.recv.loss_pct<0.1":       {false, "0.25%"},
		"video.recv.codec=video/VP8":    {true, "video/VP8"},
		"video.recv.flowing=true":       {true, "true"},
		"audio.recv.flowing=true":       {false, "false"},
		"video.recv.frames.received>30": {true, "300"},
		"video.recv.frames.missing.1=8": {false, "18"},
		"video.recv.kbps.mean<1Mbps":    {true, "700kbps"},
		"video.recv.kbps.p95>=812.5":    {true, "812.5kbps"},
		"media.1.kbps.mean>600kbps":     {true, "700kbps"},
		"process.rss_mb<0.5GB":          {false, "812.5MB"},
		"process.goroutines_left=0":     {true, "0"},
		"timeline_ms.peer_seen<10ms":    {true, "7ms"},
		"result=pass":                   {true, "pass"},
		"exit_code=0":                   {true, "0"},
	} {
		all, err := ParseExpectations(expr)
		if err != nil || len(all) != 1 {
			t.Errorf("%q: %v, %v", expr, all, err)
			continue
		}
		got := all[0].Evaluate(r)
		if got.OK != want.ok || got.Actual == nil || *got.Actual != want.actual || got.Expr != strings.TrimSpace(expr) {
			t.Errorf("%q: %v, want %v", expr, got, want)
		}
	}
}

func TestUnknownIsNotMet(t *testing.T) {
	t.Parallel()
	all, err := ParseExpectations("path=relay,connect<3s,frames>=0%,intact>=0%,loss<=100%,mos>=0,rtt.max>=0," +
		"video.recv.loss_pct>=0,video.recv.frames.missing.0>=0,path.moves.3.t_ms>=0,peer.role=caller,audio.send.packets>=0,media.7.bytes>=0")
	if err != nil || len(all) != 13 {
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
		"path":                          "NAME OPERATOR VALUE",
		",":                             "NAME OPERATOR VALUE",
		"moss>4":                        `no "moss" in a report; did you mean "mos"?`,
		"lost<1%":                       `did you mean "loss"?`,
		"conect<3s":                     `did you mean "connect"?`,
		"video.recv.los_pct<1%":         `did you mean "video.recv.loss_pct"?`,
		"video.receive.loss_pct<1%":     `did you mean "video.recv.loss_pct"?`,
		"path.rtt.p95<1ms":              `did you mean "path.rtt_ms.p95"?`,
		"path.type.x=1":                 `did you mean "path.type"?`,
		"timeline.joined<1s":            `did you mean "timeline_ms.joined"?`,
		"=3":                            `no "" in a report`,
		"path.rtt_ms<5ms":               "path.rtt_ms has several values; name one of them: path.rtt_ms.min, path.rtt_ms.mean",
		"rtt<5ms":                       "did you mean",
		"path.moves.t_ms<5ms":           "path.moves is a list: after it comes the number of an element",
		"media.loss_pct<1%":             "media is a list",
		"path=host":                     `path must be direct or relay, not "host"`,
		"video.recv.flowing=yes":        `must be true or false, not "yes"`,
		"result=good":                   "must be pass or fail or error",
		"path<relay":                    "only be compared with =",
		"video.recv.codec=":             "no value after =",
		"connect<3":                     "not a duration",
		"connect<-3s":                   "not a duration",
		"connect<":                      "not a duration",
		"rtt.p95<5%":                    "not a duration",
		"frames>=95":                    "not a percentage",
		"frames>=101%":                  "not a percentage",
		"frames>=-1%":                   "not a percentage",
		"frames>=NaN%":                  "not a percentage",
		"frames=>95%":                   "not a percentage",
		"intact==100%":                  "not a percentage",
		"video.recv.loss_pct<1ms":       "not a percentage",
		"video.recv.kbps.mean>5ms":      "not a number of kbps; write for example 1kbps",
		"video.recv.packets>5s":         "it has no unit here",
		"video.recv.packets>0x10":       "is not a number",
		"video.recv.packets>=Inf":       "is not a number",
		"intact!100%":                   "NAME OPERATOR VALUE",
		strings.Repeat(",", 100):        "at most 64",
		strings.Repeat("x", 1e4) + "=1": "did you mean",
	} {
		all, err := ParseExpectations(expr)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100q: %v, %v", expr, all, err)
		}
	}
	_, err := ParseExpectations("moss>4,path=relay,frames>=95")
	if err == nil || !strings.Contains(err.Error(), "moss") || !strings.Contains(err.Error(), "frames") {
		t.Errorf("not all faults are told: %v", err)
	}
	if all, err := ParseExpectations("  "); all != nil || err != nil {
		t.Errorf("nothing expected: %v, %v", all, err)
	}
}

// Every name that is offered can be used, and says of an empty report what it says of the
// report itself: a value that is null is not known.
func TestEveryNameCanBeExpected(t *testing.T) {
	t.Parallel()
	names := ExpectationNames()
	if len(names) < 200 || !slices.Contains(names, "video.recv.frames.missing.0") || !slices.Contains(names, "rtt.p95") {
		t.Errorf("%d names", len(names))
	}
	for _, name := range names {
		s, err := subjectOf(&Report{}, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		known := false
		if s.unit != nil {
			_, known = s.number(&Report{})
		} else {
			_, known = s.word(&Report{})
		}
		path := strings.Split(longName(name), ".")
		if v, ok := findValue(reflect.ValueOf(&Report{}), path); known && !ok {
			t.Errorf("%s of an empty report is %v", name, v)
		}
	}
}

func FuzzParseExpectations(f *testing.F) {
	f.Add("path=relay,connect<3s,frames>=95%,intact=100%")
	f.Add("a<=>b")
	f.Add("frames>=1e400%")
	f.Add("media.0.kbps.p95>5Mbps,video.recv.jitter_ms.p95<=1.5,rtt.p95<1h")
	f.Add("video.recv.frames.missing.99999999999999999999=1")
	r := reportOf(Direct, 10, 50, 2, 1)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseExpectations(text)
		if err != nil {
			return
		}
		for _, e := range all {
			if got := e.Evaluate(r); got.Expr == "" || got.OK && got.Actual == nil {
				t.Errorf("%q: %+v", text, got)
			}
			if got := e.Evaluate(&Report{}); got.OK && got.Actual == nil {
				t.Errorf("%q of an empty report: %+v", text, got)
			}
			if again, err := ParseExpectations(e.String()); err != nil || len(again) != 1 {
				t.Errorf("%q is not read again: %v", e, err)
			}
		}
	})
}
