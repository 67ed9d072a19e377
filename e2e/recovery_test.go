package e2e

import (
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

//go:embed recovery.js
var recoveryJS string

// pause is how long the picture of the other side must stand still to count as lost. Under load, frames are late.
const pause = 700 * time.Millisecond

// recoveryRow is one thing that happens to a call, and what it takes until all is well again.
type recoveryRow struct {
	name string
	unit string // of limit and of what is measured
	// limit is the most that is allowed.
	limit int64
	// measure makes a call, breaks it, and returns what that took.
	measure func(t *testing.T) int64
}

var recoveries = []recoveryRow{
	{"direct call, server killed: packets of video lost", "packets", 0, loseNothing},
	{"relayed call, server killed: picture back after its return", "ms", 6000, recoverRelayed},
	{"server killed and address replaced: picture back after its return", "ms", 5000, recoverReplacedWithoutServer},
	{"address replaced: picture back", "ms", 3000, recoverReplaced},
	{"frozen path: ICE restart begun", "ms", 4000, recoverFrozen},
	{"other side reloads: picture back", "ms", 1500, recoverReloaded},
	{"tab closed: the other side told", "ms", 1000, recoverClosed},
}

var (
	recoveryFull    = flag.Bool("recovery.full", false, "measure how long calls take to recover")
	recoveryFigures = flag.String("recovery.figures", "", "append the figures to that `file` as JSON, one a line, and judge none")
)

// TestRecovery breaks calls and measures how long it takes until they are well again. `make bench` prints what it measures.
func TestRecovery(t *testing.T) {
	if !*recoveryFull {
		t.Skip("only with -recovery.full: the time is right only on a machine that does nothing else; other tests check that calls recover")
	}
	for _, r := range recoveries {
		t.Run(strings.ReplaceAll(r.name, " ", "-"), func(t *testing.T) {
			took := r.measure(t)
			t.Logf("%d %s, limit %d", took, r.unit, r.limit)
			switch {
			case *recoveryFigures != "":
				r.write(t, took)
			case took > r.limit:
				t.Errorf("%s: %d %s, want at most %d", r.name, took, r.unit, r.limit)
			}
		})
	}
}

// write appends what was measured to the file of -recovery.figures.
func (r recoveryRow) write(t *testing.T, took int64) {
	t.Helper()
	line, err := json.Marshal(map[string]any{"name": r.name, "unit": r.unit, "limit": r.limit, "measured": took})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(*recoveryFigures, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

// startRecorded is startCall with recoveryJS in both pages, whose picture has been flowing for a while.
func startRecorded(t *testing.T, s *server, query url.Values) (ann, bo *tab) {
	t.Helper()
	script := strings.ReplaceAll(recoveryJS, "PAUSE", fmt.Sprint(pause.Milliseconds()))
	tabs := make([]*tab, 2)
	for i, at := range []string{"a", "b"} {
		with := url.Values{"lang": {"en"}}
		for key, values := range query {
			with[key] = values
		}
		tabs[i] = open(t, sharedBrowser(t, "chromium", at), s, "recovery", with, script)
		tabs[i].enterName([]string{"Ann", "Bo"}[i]).join()
		s.awaitPeers(t, i+1)
	}
	for _, tb := range tabs {
		tb.until("recovery.frames > 40")
		eval[any](tb, "(recovery.pauses = [], recovery.restarts = [], null)")
	}
	return tabs[0], tabs[1]
}

// pictureBack waits until the picture flows in both pages after a pause that lasted until at least begin in one of them,
// and returns when the last such pause ended. The other page may have had none.
func pictureBack(t *testing.T, begin time.Time, tabs ...*tab) time.Time {
	t.Helper()
	var back int64
	if err := eventually(t, patience, func() error {
		for i, tb := range tabs {
			if still := eval[int64](tb, "Date.now() - recovery.last"); still > pause.Milliseconds() {
				return fmt.Errorf("page %d shows no picture for %d ms", i, still)
			}
			ends := fmt.Sprintf("Math.max(0, ...recovery.pauses.map(([, to]) => to).filter((to) => to >= %d))", begin.UnixMilli())
			back = max(back, eval[int64](tb, ends))
		}
		if back == 0 {
			return fmt.Errorf("the picture has not paused")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(back)
}
