package main

import (
	"fmt"
	"strings"
	"time"

	"callbox/peer"
)

// result prints the result of the call: what happened, the figures that matter, and each
// expectation, all on one screen.
func (p *callPrinter) result(r *peer.Report) {
	p.line("")
	if r.ExitCode == peer.Good {
		p.line("Success: %s.", r.Reason)
	} else {
		p.line("Failure (exit code %d): %s.", r.ExitCode, r.Reason)
	}
	for _, f := range r.Errors {
		if f.Hint != r.Reason {
			p.line("  Error    %s: %s", f.Stage, f.Hint)
		}
	}
	if r.Path != nil {
		p.line("  Path     %s%s", pathWords(r.Path), pathFigures(r))
		p.line("  Safety   %s", safetyWords(r))
	}
	if m := r.Received("video"); m != nil {
		p.line("  Video    %s", videoWords(m))
		p.figures(m)
	}
	if m := r.Received("audio"); m != nil {
		p.line("  Audio    %s", audioWords(m))
		p.figures(m)
	}
	if q := r.Audio; q != nil {
		p.line("           MOS %.1f of 4.5, an estimate from %.0f ms delay and %.2f %% loss", q.MOSEstimate, q.Inputs.DelayMS, q.Inputs.LossPct)
	}
	for _, m := range r.Media {
		if m.Dir == "send" && m.Flowing {
			p.line("  Sent     %s%s", m.Kind, sentFigures(&m))
		}
	}
	if r.Data != nil && r.Data.Files != (peer.FileCount{}) {
		p.line("  Files    %s", fileWords(&r.Data.Files))
	}
	for _, name := range p.recorded {
		p.line("  Recorded %s", name)
	}
	if c := r.Process; c != nil && c.CPUSeconds != nil && c.RSSMB != nil {
		p.line("  Cost     %.2f s of CPU time, %.0f MB of memory", *c.CPUSeconds, *c.RSSMB)
	}
	for _, e := range r.Expect {
		p.line("  Expected %s", expectWords(e))
	}
}

// figures prints how the packets of received media arrived.
func (p *callPrinter) figures(m *peer.Media) {
	var words []string
	if m.Kbps != nil {
		words = append(words, fmt.Sprintf("%.0f kbit/s", m.Kbps.Mean))
	}
	if m.LossPct != nil {
		words = append(words, fmt.Sprintf("%.2f %% of packets lost", *m.LossPct))
	}
	if m.JitterMS != nil {
		words = append(words, fmt.Sprintf("jitter %.1f ms", m.JitterMS.Mean))
	}
	if l := m.LatencyMS; l != nil {
		words = append(words, fmt.Sprintf("latency %.0f ms (±%.0f)", l.P50, l.ErrorMS))
	}
	if len(words) > 0 {
		p.line("           %s", strings.Join(words, ", "))
	}
}

// sentFigures says what the other side reports about sent media.
func sentFigures(m *peer.Media) string {
	words := ""
	if m.Kbps != nil {
		words += fmt.Sprintf(", %.0f kbit/s", m.Kbps.Mean)
	}
	if m.LossPct == nil {
		return words + "; the other side reported nothing about it"
	}
	words += fmt.Sprintf(", %.2f %% of packets lost", *m.LossPct)
	if m.RTTMS != nil {
		words += fmt.Sprintf(", round trip %.1f ms", m.RTTMS.P50)
	}
	return words
}

// pathFigures says what was measured about the path.
func pathFigures(r *peer.Report) string {
	words := ""
	if d := r.Path.RTTMS; d != nil {
		words += fmt.Sprintf(", round trip %.1f ms, 95 %% within %.1f", d.P50, d.P95)
	}
	if took, ok := r.ConnectTime(); ok {
		words += ", connected after " + shortTime(took)
	}
	for _, m := range r.Path.Moves {
		words += fmt.Sprintf(", moved from %s to %s after %v", m.From.Type, m.To.Type, shortTime(time.Duration(m.TMS)*time.Millisecond))
	}
	return words
}

// safetyWords says how the call was protected.
func safetyWords(r *peer.Report) string {
	words := "no code: the other side does not know safety codes, or broke their rules"
	if r.SafetyCode != nil {
		words = "code " + *r.SafetyCode
	}
	if s := r.Security; s != nil && s.DTLS != nil {
		words += "; DTLS " + *s.DTLS
		if s.SRTP != nil {
			words += ", " + *s.SRTP
		}
	}
	return words
}

func videoWords(m *peer.Media) string {
	f := m.Frames
	if f == nil || !m.Flowing {
		return "none received"
	}
	words := []string{fmt.Sprintf("%d frames", *f.Received)}
	if f.FPS != nil {
		words[0] += fmt.Sprintf(", %.1f per second", *f.FPS)
	}
	if f.MissingCount != nil {
		words = append(words, fmt.Sprintf("%d missing", *f.MissingCount))
	}
	if f.Duplicates != nil && *f.Duplicates > 0 {
		words = append(words, fmt.Sprintf("%d duplicates", *f.Duplicates))
	}
	switch {
	case f.Intact != nil && *f.Corrupt == 0:
		words = append(words, "all intact, byte for byte")
	case f.Intact != nil:
		words = append(words, fmt.Sprintf("%d damaged", *f.Corrupt))
	case m.KeyFramesDecoded != nil:
		words = append(words, fmt.Sprintf("%d key frames decoded", *m.KeyFramesDecoded))
	}
	return strings.Join(words, ", ")
}

func audioWords(m *peer.Media) string {
	switch {
	case !m.Flowing || m.Energy == nil:
		return "none received"
	case *m.Energy == 0:
		return "silence"
	case m.ToneHz == nil:
		return fmt.Sprintf("energy %.6f, too quiet to have a pitch", *m.Energy)
	default:
		return fmt.Sprintf("energy %.4f, strongest at %.0f Hz", *m.Energy, *m.ToneHz)
	}
}

func fileWords(f *peer.FileCount) string {
	words := fmt.Sprintf("%d received, %s", f.Count, bytesWords(f.Bytes))
	switch f.Bad {
	case 0:
		words += ", all intact"
	default:
		words += fmt.Sprintf(", %d damaged", f.Bad)
	}
	if f.Refused > 0 {
		words += fmt.Sprintf(", %d refused", f.Refused)
	}
	return words
}

func bytesWords(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

func expectWords(e peer.ExpectationResult) string {
	if e.OK {
		return e.Expr + ": met, the value is " + e.Value()
	}
	return e.Expr + ": NOT met, the value is " + e.Value()
}
