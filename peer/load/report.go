package load

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"time"

	"callbox/peer"
)

// Schema is the name and version of the format of a Report.
const Schema = "callbox/load-report/1"

// Progress is how far a run is.
type Progress struct {
	Elapsed                         time.Duration
	Started, Connected, Ended, Good int      // pairs; Connected now
	Failed                          []Failed // of those that have ended, the most frequent kind first
	CPUPct                          float64  // of one processor, in the last second
	ResidentMB                      float64  // of this process, in 10^6 bytes
}

// Report is the result of a run. In JSON every field is present; what is unknown is null.
type Report struct {
	Schema   string        `json:"schema"`
	Version  *string       `json:"version"` // of the program
	RunID    *string       `json:"run_id"`
	Result   peer.Result   `json:"result"`
	ExitCode peer.ExitCode `json:"exit_code"`
	Reason   string        `json:"reason"`
	Pairs    Pairs         `json:"pairs"`
	Failed   []Failed      `json:"failed"`   // the most frequent first
	Refusals int64         `json:"refusals"` // of joins, by the server
	SetupMS  *Spread       `json:"setup_ms"` // from both ends being in the room to connected; over all ends
	// FirstFrameMS is from the join to the first frame decoded; over all ends.
	FirstFrameMS *Spread                  `json:"first_frame_ms"`
	RTTMS        *Spread                  `json:"rtt_ms"`     // the median of each end
	JitterMS     *Spread                  `json:"jitter_ms"`  // of received video, the 95th percentile of each end
	LatencyMS    *Spread                  `json:"latency_ms"` // of received video, the 95th percentile of each end
	Kbps         *Spread                  `json:"kbps"`       // of received video
	Packets      Packets                  `json:"packets"`
	Frames       Frames                   `json:"frames"`
	Cost         Cost                     `json:"cost"`
	Expect       []peer.ExpectationResult `json:"expect"` // null when nothing was expected
}

// Pairs counts pairs.
type Pairs struct {
	Wanted    int      `json:"wanted"`
	Started   int      `json:"started"`
	Connected int      `json:"connected"` // at any time
	Good      int      `json:"good"`      // until the end, with media in both directions
	Failed    int      `json:"failed"`
	Lost      int      `json:"lost"` // of the failed: the connection broke
	Relayed   int      `json:"relayed"`
	GoodPct   *float64 `json:"good_pct"` // of those that were wanted
}

// Failed is a kind of failure.
type Failed struct {
	Pairs    int           `json:"pairs"`
	ExitCode peer.ExitCode `json:"exit_code"` // as that of a call
	Stage    string        `json:"stage"`
	Code     string        `json:"code"`
	Hint     string        `json:"hint"` // of the first
}

// Spread summarises the values of all calls.
type Spread struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// Packets counts what all ends have received.
type Packets struct {
	Received int64    `json:"received"`
	Lost     int64    `json:"lost"`
	LossPct  *float64 `json:"loss_pct"`
	RTX      int64    `json:"rtx"` // that arrived again (RFC 4588)
}

// Frames counts the video frames that all ends have received.
type Frames struct {
	Received  int64    `json:"received"`
	Intact    int64    `json:"intact"` // correct in every byte
	Missing   int64    `json:"missing"`
	IntactPct *float64 `json:"intact_pct"` // of the received
}

// Cost is what the run costs this process, with both ends of each pair. The figures of a
// pair are null unless all pairs were connected at the same time for a second.
type Cost struct {
	CPUSeconds float64  `json:"cpu_s"`
	RSSMB      *float64 `json:"rss_mb"`   // the most resident memory, in 10^6 bytes
	SteadyS    *float64 `json:"steady_s"` // how long all pairs were connected
	PairPct    *float64 `json:"pair_pct"` // of one processor, meanwhile
	PairMB     *float64 `json:"pair_mb"`  // resident memory that the start of all pairs added, for each
	SetupMS    *float64 `json:"setup_ms"` // CPU time to start a pair: what the time before took beyond PairPct
}

// MarshalIndent returns the report as JSON for people and programs.
func (r *Report) MarshalIndent() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(r)
	return out.Bytes(), err
}

// fill writes what the calls have reported.
func (r *Report) fill(t *tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Pairs.Started, r.Pairs.Connected, r.Pairs.Good, r.Pairs.Relayed = t.started, t.established, t.good, t.relayed
	r.Pairs.Failed, r.Pairs.Lost = t.ended-t.good, t.codes[peer.Lost]
	r.Pairs.GoodPct = percent(int64(t.good), int64(r.Pairs.Wanted))
	r.Failed = t.failures()
	r.SetupMS, r.FirstFrameMS, r.RTTMS = spread(t.setup), spread(t.firstFrame), spread(t.rtt)
	r.JitterMS, r.LatencyMS, r.Kbps = spread(t.jitter), spread(t.latency), spread(t.kbps)
	r.Packets = Packets{Received: t.packets, Lost: t.lost, RTX: t.retransmitted, LossPct: percent(t.lost, t.packets+t.lost)}
	r.Frames = Frames{Received: t.received, Intact: t.intact, Missing: t.missing, IntactPct: percent(t.intact, t.received)}
}

// spread returns nil if there are no values.
func spread(values []float64) *Spread {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	sum := 0.0
	for _, v := range sorted {
		sum += v
	}
	rank := func(p int) float64 { return rounded(sorted[(len(sorted)*p+99)/100-1]) } // nearest rank
	return &Spread{
		Min: rounded(sorted[0]), Mean: rounded(sum / float64(len(sorted))),
		P50: rank(50), P95: rank(95), P99: rank(99), Max: rounded(sorted[len(sorted)-1]),
	}
}

// percent returns nil of nothing.
func percent(part, whole int64) *float64 {
	if whole == 0 {
		return nil
	}
	return new(100 * float64(part) / float64(whole))
}

// rounded returns v to three decimal places.
func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }
