package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"callbox/peer"
)

// callPrinter prints what happens in a call, line by line.
type callPrinter struct {
	w    io.Writer
	room string
}

func (p *callPrinter) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.w, format+"\n", args...) // fails only if the terminal was closed
}

// event prints an event during the call.
func (p *callPrinter) event(e peer.Event) {
	switch e.Kind {
	case peer.EventJoined:
		if e.Others == 0 {
			p.line("In room %s. Nobody else is here yet; waiting.", p.room)
		} else {
			p.line("In room %s.", p.room)
		}
	case peer.EventPeerSeen:
		if e.Role == peer.Caller {
			p.line("%s joined; calling.", e.Name)
		} else {
			p.line("%s is here; waiting for the call.", e.Name)
		}
	case peer.EventConnected:
		p.line("Connected with %s after %s, %s.", e.Name, shortTime(e.Took), pathWords(e.Path))
	case peer.EventFirstFrame:
		p.line("Receiving video.")
	case peer.EventDisconnected:
		p.line("The connection to %s is interrupted; it may come back.", e.Name)
	case peer.EventReconnected:
		p.line("The connection to %s is back.", e.Name)
	case peer.EventRebuild:
		p.line("%s starts a new connection.", e.Name)
	case peer.EventPeerLeft:
		p.line("%s is gone (%s).", e.Name, e.Reason)
	case peer.EventSignalingLost:
		p.line("The signaling server cannot be reached; a connected call continues without it.")
	case peer.EventSignalingBack:
		p.line("The signaling server can be reached again.")
	case peer.EventSafetyCode:
		p.line("Safety code: %s. If %s sees the same code, nobody sits in between.", e.Code, e.Name)
	case peer.EventRecording:
		p.line("%s records this call.", e.Name)
	case peer.EventRecordingOver:
		p.line("%s no longer records this call.", e.Name)
	case peer.EventText:
		p.line("%s sent a text of %d characters.", e.Name, utf8.RuneCountInString(e.Text))
	case peer.EventFile:
		if e.Reason == "" {
			p.line("File %q (%s) arrived intact.", e.File, bytesWords(e.Bytes))
		} else {
			p.line("File %q (%s) did not arrive: %s.", e.File, bytesWords(e.Bytes), e.Reason)
		}
	case peer.EventFileRefused:
		p.line("File %q (%s) was refused; --take-files says how many bytes are taken.", e.File, bytesWords(e.Bytes))
	case peer.EventSafetyWarning:
		p.line("Warning: there is no safety code, so somebody may sit in between: %s.", e.Reason)
	}
}

// result prints the result of the call.
func (p *callPrinter) result(r *peer.Report) {
	p.line("")
	if r.ExitCode == peer.Good {
		p.line("Success: %s.", r.Reason)
	} else {
		p.line("Failure (exit code %d): %s.", r.ExitCode, r.Reason)
	}
	if r.Path != nil {
		p.line("  Path     %s%s", pathWords(r.Path), roundTrip(r.Path))
	}
	if r.SafetyCode != nil {
		p.line("  Safety   code %s", *r.SafetyCode)
	} else if r.Path != nil {
		p.line("  Safety   no code: the other side does not know safety codes, or broke their rules")
	}
	if m := r.Received("video"); m != nil {
		p.line("  Video    %s", videoWords(m))
	}
	if m := r.Received("audio"); m != nil {
		p.line("  Audio    %s", audioWords(m))
	}
	if r.Data != nil && r.Data.Files != (peer.FileCount{}) {
		p.line("  Files    %s", fileWords(&r.Data.Files))
	}
	for _, e := range r.Expect {
		p.line("  Expected %s", expectWords(e))
	}
}

func shortTime(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

func pathWords(path *peer.Path) string {
	switch {
	case path == nil:
		return "on an unknown path"
	case path.Local.RelayProtocol != nil:
		return "relayed by a TURN server over " + *path.Local.RelayProtocol
	case path.Type == peer.Relayed:
		return "relayed by the other side's TURN server"
	default:
		return "direct"
	}
}

func roundTrip(path *peer.Path) string {
	if path.RTTMS == nil {
		return ""
	}
	return fmt.Sprintf(", round trip %.1f ms", path.RTTMS.P50)
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
	actual := "unknown"
	if e.Actual != nil {
		actual = *e.Actual
	}
	if e.OK {
		return e.Expr + ": met, the value is " + actual
	}
	return e.Expr + ": NOT met, the value is " + actual
}
