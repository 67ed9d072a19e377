package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// TestMetricsLint checks that the metrics, as an operator gets them, follow the
// conventions of Prometheus, and that the documentation lists all of them.
func TestMetricsLint(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.join(t, r.ready.HTTP, "quiet-river")
	text := r.get(t, r.ready.Admin+"/metrics").body
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	manual := document(t, "docs", "operating.md")
	names := regexp.MustCompile(`(?m)^# TYPE (callbox_\w+)`).FindAllStringSubmatch(text, -1)
	if len(names) < 20 {
		t.Errorf("%d metrics of our own, want more: %q", len(names), names)
	}
	for _, name := range names {
		if !strings.Contains(manual, "`"+name[1]+"`") {
			t.Errorf("docs/operating.md does not know %s", name[1])
		}
	}
	for _, name := range regexp.MustCompile("`(callbox_\\w+)").FindAllStringSubmatch(manual, -1) {
		if !strings.Contains(text, "\n# TYPE "+name[1]+" ") {
			t.Errorf("docs/operating.md tells of %s, which there is not", name[1])
		}
	}
}

// document returns a file of the repository.
func document(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMetricsCount checks that the metrics count what happens in a call.
func TestMetricsCount(t *testing.T) {
	t.Parallel()
	r := start(t)
	ann, bo := dialSocket(t, r.ready.HTTP, nil), dialSocket(t, r.ready.HTTP, nil)
	first := ann.ask(t, `{"type":"join","id":1,"room":"quiet-river"}`)
	bo.ask(t, `{"type":"join","id":1,"room":"quiet-river"}`)
	if got := dialSocket(t, r.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"quiet-river"}`); got.Type != "full" {
		t.Fatalf("the third one: %+v", got)
	}
	if got := bo.ask(t, `{"type":"message","id":2,"data":1}`); got.Type != "ack" {
		t.Fatalf("message: %+v", got)
	}
	if got := bo.ask(t, `{"type":"report","id":3,"event":"connected","data":{"setup_ms":700,"path":"direct","protocol":"udp"}}`); got.Type != "ack" {
		t.Fatalf("report: %+v", got)
	}
	for _, want := range []string{"other_joined", "message"} {
		if got := ann.next(t); got.Type != want {
			t.Fatalf("the first one hears %+v, want %s", got, want)
		}
	}
	// The seat of a connection that broke is held, and reclaimed.
	ann.Close()
	if got := bo.next(t); got.Type != "away" || got.Peer != first.Peer {
		t.Fatalf("the second one hears %+v", got)
	}
	away := r.get(t, r.ready.Admin+"/metrics").body
	back := dialSocket(t, r.ready.HTTP, nil)
	if got := back.ask(t, `{"type":"join","id":1,"room":"quiet-river","resume":%q,"seq":2}`, first.Resume); !got.Resumed {
		t.Fatalf("coming back: %+v", got)
	}
	if got := back.ask(t, `{"type":"leave","id":1}`); got.Type != "left" {
		t.Fatalf("leaving: %+v", got)
	}
	end := r.get(t, r.ready.Admin+"/metrics").body
	for text, wanted := range map[string][]string{
		away: {
			`callbox_signaling_rooms 1`, `callbox_signaling_peers{state="away"} 1`, `callbox_signaling_peers{state="connected"} 1`,
			`callbox_signaling_joins_total{result="joined"} 2`, `callbox_signaling_joins_total{result="full"} 1`,
			`callbox_signaling_messages_total 1`, `callbox_signaling_relay_seconds_count 1`, `callbox_signaling_reports_total 1`,
			`callbox_calls_connected_total{path="direct",protocol="udp"} 1`, `callbox_call_setup_seconds_sum{path="direct"} 0.7`,
			`callbox_signaling_closed_total{code="1006"} 1`,
		},
		end: {
			`callbox_signaling_joins_total{result="resumed"} 1`, `callbox_signaling_peers{state="away"} 0`, `callbox_signaling_peers_ended_total{reason="left"} 1`,
		},
	} {
		for _, want := range wanted {
			if !strings.Contains(text, "\n"+want+"\n") {
				name, _, _ := strings.Cut(want, "{")
				name, _, _ = strings.Cut(name, " ")
				t.Errorf("no %s, but %q", want, regexp.MustCompile("(?m)^"+name+"[ {].*").FindAllString(text, -1))
			}
		}
	}
}
