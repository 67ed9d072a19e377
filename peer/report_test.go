package peer

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// keys returns the sorted keys of a JSON object.
func keys(tb testing.TB, object json.RawMessage) []string {
	tb.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		tb.Fatalf("%v in %s", err, object)
	}
	return slices.Sorted(maps.Keys(fields))
}

// The schema is a contract: every field is present, and unknown values are null.
func TestReportSchema(t *testing.T) {
	t.Parallel()
	r := newReport(&Config{Room: "r", Version: "v1"})
	r.setResult(&Config{}, NotConnected, "nobody came")
	text, err := r.MarshalIndent()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	want := "schema tool run_id scenario result exit_code reason peer timeline_ms path security safety_code media audio_quality data process expect events errors impairment"
	wanted := strings.Fields(want)
	slices.Sort(wanted)
	if got := keys(t, text); !slices.Equal(got, wanted) {
		t.Errorf("fields: %v", got)
	}
	for _, name := range strings.Fields("run_id scenario path security safety_code media audio_quality data process expect impairment") {
		if string(fields[name]) != "null" {
			t.Errorf("%s is %s", name, fields[name])
		}
	}
	if string(fields["schema"]) != `"callbox/call-report/1"` || string(fields["result"]) != `"error"` || string(fields["exit_code"]) != "4" {
		t.Errorf("report: %s", text)
	}
	timeline := strings.Fields("start ws_open joined peer_seen offer answer first_candidate ice_connected dtls_connected first_rtp first_frame dc_open hangup")
	slices.Sort(timeline)
	if got := keys(t, fields["timeline_ms"]); !slices.Equal(got, timeline) {
		t.Errorf("timeline: %v", got)
	}

	media, _ := json.Marshal(Media{Frames: &Frames{}})
	fieldsOfMedia := strings.Fields("mid kind dir codec negotiated flowing packets lost loss_pct dup reordered bytes kbps jitter_ms " +
		"rtt_ms nack rtx pli fir frames latency_ms key_frames_decoded energy tone_hz")
	slices.Sort(fieldsOfMedia)
	if got := keys(t, media); !slices.Equal(got, fieldsOfMedia) {
		t.Errorf("media: %v", got)
	}
	path, _ := json.Marshal(Path{})
	if got := strings.Join(keys(t, path), " "); got != "changes ice_restarts local moves remote rtt_ms type" {
		t.Errorf("path: %v", got)
	}
}

func TestExitCodesAndResults(t *testing.T) {
	t.Parallel()
	for code, want := range map[ExitCode]Result{
		Good: Pass, ExpectationFailed: Fail, NotJoined: Error, NotConnected: Error, NoMedia: Error, Lost: Error, Interrupted: Error,
	} {
		if got := code.Result(); got != want {
			t.Errorf("%d is %s", code, got)
		}
	}
	expect, err := ParseExpectations("path=relay")
	if err != nil {
		t.Fatal(err)
	}
	// Only a good call can fail an expectation: worse results take precedence.
	for code, want := range map[ExitCode]ExitCode{Good: ExpectationFailed, NoMedia: NoMedia, Lost: Lost, Interrupted: Interrupted} {
		r := newReport(&Config{})
		r.setResult(&Config{Expect: expect}, code, "")
		if r.ExitCode != want || len(r.Expect) != 1 || r.Expect[0].OK {
			t.Errorf("%d became %d, %+v", code, r.ExitCode, r.Expect)
		}
	}
}

func TestTimelineStartsAtZero(t *testing.T) {
	t.Parallel()
	start := time.Now()
	line := timeline{joined: start.Add(5 * time.Millisecond), hangup: start.Add(time.Second)}
	got := line.since(start)
	if *got.Start != 0 || *got.Joined != 5 || *got.Hangup != 1000 || got.Offer != nil || got.DCOpen != nil {
		t.Errorf("%+v", got)
	}
}

func TestDistribution(t *testing.T) {
	t.Parallel()
	if series(nil).distribution() != nil {
		t.Error("a distribution of nothing")
	}
	var all series
	for i := 100; i > 0; i-- {
		all.add(float64(i))
	}
	if got := *all.distribution(); got != (Distribution{Min: 1, Mean: 50.5, P50: 50, P95: 95, Max: 100}) {
		t.Errorf("%+v", got)
	}
	if got := *all[:1].distribution(); got != (Distribution{100, 100, 100, 100, 100}) {
		t.Errorf("%+v", got)
	}
}

func TestShownName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ann": "Ann", "": "the other side", "\x1b[31m\n": "[31m", "\u202e": "the other side", " 小明 ": "小明",
		strings.Repeat("x", 100): strings.Repeat("x", 64),
	} {
		if got := shownName(in); got != want {
			t.Errorf("%q is shown as %q", in, got)
		}
	}
}
