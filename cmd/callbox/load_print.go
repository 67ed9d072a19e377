package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"callbox/peer"
	"callbox/peer/load"
)

// loadPrinter prints a table with a line a second, and the result.
type loadPrinter struct {
	w     io.Writer
	begun bool
}

func (p *loadPrinter) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.w, format+"\n", args...) // fails only if the terminal was closed
}

// progress prints a line of the table.
func (p *loadPrinter) progress(now load.Progress) {
	if !p.begun {
		p.begun = true
		p.line("   time  started  connected  ended  failed    CPU    memory")
	}
	failed := 0
	var kinds []string
	for _, f := range now.Failed {
		failed += f.Pairs
		kinds = append(kinds, fmt.Sprintf("%s/%s %d", f.Stage, f.Code, f.Pairs))
	}
	p.line("%5.0f s  %7d  %9d  %5d  %6d  %4.0f %%  %5.0f MB  %s",
		now.Elapsed.Seconds(), now.Started, now.Connected, now.Ended, failed, now.CPUPct, now.ResidentMB, strings.Join(kinds, ", "))
}

// result prints what the report says, on one screen.
func (p *loadPrinter) result(r *load.Report) {
	p.line("")
	if r.ExitCode == peer.Good {
		p.line("Success: %s.", r.Reason)
	} else {
		p.line("Failure (exit code %d): %s.", r.ExitCode, r.Reason)
	}
	p.line("  Pairs    %d of %d connected, %d good, %d relayed", r.Pairs.Connected, r.Pairs.Wanted, r.Pairs.Good, r.Pairs.Relayed)
	for _, f := range r.Failed {
		p.line("  Failed   %d: %s, %s: %s", f.Pairs, f.Stage, f.Code, f.Hint)
	}
	if r.Refusals > 0 {
		p.line("  Refusals %d joins were refused for the moment", r.Refusals)
	}
	for _, s := range []struct {
		name   string
		spread *load.Spread
	}{{"Set-up", r.SetupMS}, {"Frame", r.FirstFrameMS}, {"Trip", r.RTTMS}, {"Jitter", r.JitterMS}, {"Latency", r.LatencyMS}} {
		if s.spread != nil {
			p.line("  %-8s median %s, 95 %% within %s, 99 %% within %s, all within %s", s.name,
				milliseconds(s.spread.P50), milliseconds(s.spread.P95), milliseconds(s.spread.P99), milliseconds(s.spread.Max))
		}
	}
	if r.Frames.Received > 0 {
		p.line("  Video    %d frames received, %d intact, %d missing", r.Frames.Received, r.Frames.Intact, r.Frames.Missing)
	}
	if r.Packets.LossPct != nil {
		p.line("  Packets  %d received, %.3f %% lost, %d arrived again", r.Packets.Received, *r.Packets.LossPct, r.Packets.RTX)
	}
	if c := r.Cost; c.PairPct != nil && c.SetupMS != nil {
		p.line("  Cost     %.2f %% of a processor for each pair, %.1f ms of CPU time to start it%s", *c.PairPct, *c.SetupMS, pairMemory(c))
	}
	for _, e := range r.Expect {
		p.line("  Expected %s", expectWords(e))
	}
}

func pairMemory(c load.Cost) string {
	if c.PairMB == nil {
		return ""
	}
	return fmt.Sprintf(", %.2f MB of memory", *c.PairMB)
}

func milliseconds(ms float64) string {
	return shortTime(time.Duration(ms * float64(time.Millisecond)))
}
