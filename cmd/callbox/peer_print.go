package main

import (
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"callbox/peer"
)

// callPrinter prints what happens in a call, line by line.
type callPrinter struct {
	w      io.Writer
	prefix string // of each line
	room   string
	// recorded are the files of the call that has ended.
	recorded []string
}

func (p *callPrinter) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.w, "%s"+format+"\n", append([]any{p.prefix}, args...)...) // fails only if the terminal was closed
}

// event prints an event during the call.
func (p *callPrinter) event(e peer.Event) {
	switch e.Kind {
	case peer.EventJoined:
		if p.room == "" {
			p.line("The media server answers.")
		} else if e.Others == 0 {
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
