package load

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"callbox/peer"
)

// maxReasons is how many kinds of failures are told apart.
const maxReasons = 50

// tally counts calls while they go on, and gathers what they report.
type tally struct {
	mu sync.Mutex

	started, now, established int     // pairs: begun, connected now, connected at any time
	busy                      float64 // seconds of all pairs that were connected, until changed
	changed                   time.Time
	allConnected, firstEnded  time.Time // when the last pair connected, and the first one ended

	ended, good int
	codes       map[peer.ExitCode]int
	failed      map[failedAs]*Failed

	setup, firstFrame, rtt, jitter, latency, kbps []float64
	packets, lost, retransmitted                  int64
	received, intact, missing                     int64
	relayed                                       int
}

// failedAs tells failures apart.
type failedAs struct {
	code        peer.ExitCode
	stage, what string
}

func newTally() *tally {
	return &tally{codes: make(map[peer.ExitCode]int), failed: make(map[failedAs]*Failed)}
}

func (t *tally) start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.started++
}

func (t *tally) connected(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accrue(now)
	t.now++
	t.established++
	t.allConnected = now
}

func (t *tally) disconnected(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accrue(now)
	t.now--
	if t.firstEnded.IsZero() {
		t.firstEnded = now
	}
}

// accrue adds the time since the last change. mu must be held.
func (t *tally) accrue(now time.Time) {
	if !t.changed.IsZero() {
		t.busy += now.Sub(t.changed).Seconds() * float64(t.now)
	}
	t.changed = now
}

// pairSeconds returns for how long pairs have been connected, all together.
func (t *tally) pairSeconds(now time.Time) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accrue(now)
	return t.busy
}

// add takes the reports of the ends of a pair, or that of the end that could not join. The
// pair is as good as the worse of both.
func (t *tally) add(reports ...*peer.Report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended++
	worst := reports[0]
	for _, r := range reports {
		if severity(r.ExitCode) > severity(worst.ExitCode) {
			worst = r
		}
		t.addEnd(r)
	}
	t.codes[worst.ExitCode]++
	if worst.ExitCode == peer.Good {
		t.good++
		if reports[0].Path != nil && reports[0].Path.Type == peer.Relayed {
			t.relayed++
		}
		return
	}
	t.addFailure(worst)
}

// severity orders exit codes: how much must have worked for a call to end so.
func severity(code peer.ExitCode) int {
	return slices.Index([]peer.ExitCode{
		peer.Good, peer.ExpectationFailed, peer.Interrupted, peer.NoMedia, peer.Lost, peer.NotConnected, peer.NotJoined,
	}, code)
}

func (t *tally) addFailure(r *peer.Report) {
	as := failedAs{code: r.ExitCode, stage: "call", what: "other"}
	hint := r.Reason
	if n := len(r.Errors); n > 0 {
		last := r.Errors[n-1]
		as.stage, as.what, hint = string(last.Stage), last.Code, last.Hint
	}
	f := t.failed[as]
	if f == nil {
		if len(t.failed) >= maxReasons {
			as.stage, as.what = "call", "other"
		}
		if f = t.failed[as]; f == nil {
			f = &Failed{ExitCode: as.code, Stage: as.stage, Code: as.what, Hint: hint}
			t.failed[as] = f
		}
	}
	f.Pairs++
}

// addEnd adds the figures of one end. mu must be held.
func (t *tally) addEnd(r *peer.Report) {
	if took, ok := r.ConnectTime(); ok {
		t.setup = append(t.setup, float64(took.Microseconds())/1000)
	}
	if r.TimelineMS.FirstFrame != nil {
		t.firstFrame = append(t.firstFrame, float64(*r.TimelineMS.FirstFrame))
	}
	if r.Path != nil && r.Path.RTTMS != nil {
		t.rtt = append(t.rtt, r.Path.RTTMS.P50)
	}
	for i := range r.Media {
		m := &r.Media[i]
		if m.Dir != "recv" || m.Packets == nil {
			continue
		}
		t.packets += *m.Packets
		t.lost += valueOr0(m.Lost)
		t.retransmitted += valueOr0(m.RTX)
		if m.Kind != "video" {
			continue
		}
		if m.JitterMS != nil {
			t.jitter = append(t.jitter, m.JitterMS.P95)
		}
		if m.LatencyMS != nil {
			t.latency = append(t.latency, m.LatencyMS.P95)
		}
		if m.Kbps != nil {
			t.kbps = append(t.kbps, m.Kbps.Mean)
		}
		if f := m.Frames; f != nil {
			t.received += valueOr0(f.Received)
			t.intact += valueOr0(f.Intact)
			t.missing += valueOr0(f.MissingCount)
		}
	}
}

func valueOr0(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// failures returns the kinds of failures, the most frequent first.
func (t *tally) failures() []Failed {
	all := []Failed{}
	for _, f := range t.failed {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Failed) int {
		return cmp.Or(b.Pairs-a.Pairs, cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Code, b.Code))
	})
	return all
}

// progress returns how far the run is.
func (t *tally) progress() Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Progress{Started: t.started, Connected: t.now, Ended: t.ended, Good: t.good, Failed: t.failures()}
}
