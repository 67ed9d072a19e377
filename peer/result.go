package peer

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// report returns the report of the call at its end.
func (c *Call) report() *Report {
	c.timeline.hangup = c.outcome.at
	r := newReport(&c.cfg)
	r.TimelineMS = c.timeline.since(c.start)
	r.Peer.Room = c.signal.joined.Room
	r.SafetyCode = c.safetyCode()
	if r.TimelineMS.DCOpen != nil {
		r.Data = &c.data
	}
	if c.partner != nil {
		r.Peer.Role = &c.partner.role
		if l := c.partner.link; l != nil {
			r.Path, r.Media = l.reportPath(), l.reportMedia(c.outcome.at)
		}
	}
	r.setResult(&c.cfg, c.outcome.code, c.outcome.reason)
	return r
}

func newReport(cfg *Config) *Report {
	r := &Report{Schema: Schema, Tool: newTool(cfg.Version), Peer: Self{Room: cfg.Room}}
	if cfg.Name != "" {
		r.Peer.Name = &cfg.Name
	}
	return r
}

// setResult evaluates the expectations and sets the result.
func (r *Report) setResult(cfg *Config, code ExitCode, reason string) {
	for _, e := range cfg.Expect {
		result := e.Evaluate(r)
		r.Expect = append(r.Expect, result)
		if !result.OK && code == Good {
			code, reason = ExpectationFailed, "not every expectation was met"
		}
	}
	r.ExitCode, r.Result, r.Reason = code, code.Result(), reason
}

// notJoinedReport returns the report of a call whose room could not be joined.
func notJoinedReport(ctx context.Context, cfg Config, start time.Time, err error) *Report {
	r := newReport(&cfg)
	t := timeline{hangup: time.Now()}
	r.TimelineMS = t.since(start)
	if ctx.Err() != nil {
		r.setResult(&cfg, Interrupted, "stopped before the room was joined")
		return r
	}
	r.setResult(&cfg, NotJoined, joinReason(err))
	return r
}

// joinReason explains why the room could not be joined.
func joinReason(err error) string {
	if full, ok := errors.AsType[*client.FullError](err); ok {
		return fmt.Sprintf("the room is full: all its %d seats are taken", full.Capacity)
	}
	if refusal, ok := errors.AsType[protocol.Error](err); ok {
		return fmt.Sprintf("the server refused the join: %v", refusal)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("the server's certificate is not trusted (%v); trust its CA, with the environment "+
			"variable SSL_CERT_FILE, or accept any certificate with --insecure", err)
	}
	return fmt.Sprintf("could not join the room: %v", err)
}

// noTURNReason explains why a relayed call is impossible.
func noTURNReason(only TURNProtocol) string {
	if only != "" {
		return fmt.Sprintf("a relayed path is required, but the server offers no TURN over %s; "+
			"enable TURN on the server, or allow other protocols or paths", only)
	}
	return "a relayed path is required, but the server offers no TURN server; enable TURN on the server, or allow other paths"
}

// noPeerReason explains why there is no peer to call.
func (c *Call) noPeerReason() string {
	if c.away != nil {
		return fmt.Sprintf("the connection to the signaling server was lost and could not be restored within %v: %v", c.cfg.ConnectTimeout, c.away)
	}
	if c.leftReason != "" {
		return c.leftReason
	}
	return fmt.Sprintf("nobody came to the room within %v", c.cfg.ConnectTimeout)
}

// notConnectedReason explains how far a call got that was never connected, and what
// may help.
func (c *Call) notConnectedReason() string {
	p := c.partner
	var fault error
	if p.link != nil {
		fault = p.link.dialer.failure()
	}
	switch {
	case c.negotiationErr != nil:
		return c.negotiationErr.Error()
	case c.away != nil:
		return fmt.Sprintf("the connection to the signaling server was lost and could not be restored: %v", c.away)
	case p.candidates == 0 && isCertificateError(fault):
		return fmt.Sprintf("the TURN server's certificate is not trusted (%v); trust its CA, with the environment "+
			"variable SSL_CERT_FILE, or accept any certificate with --insecure", fault)
	case c.timeline.offer.IsZero():
		return "no offer was received from " + p.name
	case c.timeline.answer.IsZero():
		return "no answer was received from " + p.name
	case p.candidates == 0 && c.cfg.ICE == Relay && fault != nil:
		return fmt.Sprintf("the TURN server could not be reached (%v)", fault)
	case p.candidates == 0 && c.cfg.ICE == Relay:
		return "the TURN server provided no relayed address; check that it is running and that no firewall blocks its port"
	case p.candidates == 0:
		return fmt.Sprintf("this side found no candidate of type %s", c.cfg.ICE)
	case c.timeline.iceConnected.IsZero():
		return "no candidate pair worked; a TURN server that both sides can reach would help"
	default:
		return "a path was found, but the DTLS handshake on it was not completed"
	}
}

// maxShownName is the maximum length of a name in code points, as in the protocol.
const maxShownName = 64

// shownName makes the name of the other side safe to print on a terminal.
func shownName(name string) string {
	return cmp.Or(shown(name, maxShownName), "the other side")
}

// shown makes a text of the other side safe to print on a terminal.
func shown(text string, limit int) string {
	var kept []rune
	for _, r := range strings.TrimSpace(text) {
		if unicode.IsPrint(r) && len(kept) < limit {
			kept = append(kept, r)
		}
	}
	return string(kept)
}
