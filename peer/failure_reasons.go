package peer

import (
	"crypto/tls"
	"errors"
	"fmt"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// trustCA says what to do about a certificate that is not trusted.
const trustCA = "trust its CA, with the environment variable SSL_CERT_FILE, or accept any certificate with --insecure"

// joining explains why the room could not be joined.
func joining(err error) Failure {
	if full, ok := errors.AsType[*client.FullError](err); ok {
		return Failure{StageJoin, "full", fmt.Sprintf("the room is full: all its %d seats are taken; use another room", full.Capacity)}
	}
	if refusal, ok := errors.AsType[protocol.Error](err); ok {
		return Failure{StageJoin, string(refusal.Code), fmt.Sprintf("the server refused the join: %v", refusal) + adviceFor(refusal.Code)}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return Failure{StageJoin, "certificate", fmt.Sprintf("the server's certificate is not trusted (%v); %s", err, trustCA)}
	}
	return Failure{
		StageJoin, "unreachable",
		fmt.Sprintf("could not join the room: %v; check the address, and whether a callbox server answers there", err),
	}
}

// adviceFor returns what to do about a refused join, to append to the reason.
func adviceFor(code protocol.Code) string {
	switch code {
	case protocol.CodeUnauthorized:
		return "; give a token that is valid for this room with --token (see callbox token)"
	case protocol.CodeRateLimited:
		return "; wait, or raise --limit-joins of the server"
	default:
		return ""
	}
}

// noTURN explains why a relayed call is impossible.
func noTURN(only TURNProtocol) Failure {
	if only != "" {
		return Failure{StageICE, "no_turn", fmt.Sprintf("a relayed path is required, but the server offers no TURN over %s; "+
			"enable TURN on the server, or allow other protocols or paths", only)}
	}
	return Failure{
		StageICE, "no_turn",
		"a relayed path is required, but the server offers no TURN server; enable TURN on the server, or allow other paths",
	}
}

// noPeer explains why there is no peer to call.
func (c *Call) noPeer() Failure {
	switch {
	case c.away != nil:
		return unreachable(c.away)
	case c.leftEarly != nil:
		return *c.leftEarly
	default:
		return Failure{StagePeer, "nobody_came", fmt.Sprintf("nobody came to the room within %v; "+
			"see whether the other side joins the same room of the same server, or wait longer with --connect-timeout", c.cfg.PeerTimeout)}
	}
}

// notConnected explains how far a call got that was never connected, and what may help.
func (c *Call) notConnected() Failure {
	name := c.partner.name
	switch {
	case c.negotiationErr != nil:
		return negotiation(c.negotiationErr)
	case c.away != nil:
		return unreachable(c.away)
	}
	if f, ok := c.noCandidates(); ok && f.Code == "turn_certificate" {
		return f
	}
	switch {
	case c.timeline.offer.IsZero():
		return Failure{StageNegotiation, "no_offer", "no offer was received from " + name + "; the program there may have stopped, or does not call"}
	case c.timeline.answer.IsZero():
		return Failure{StageNegotiation, "no_answer", "no answer was received from " + name + "; the program there may have stopped, or cannot use the offer"}
	}
	if f, ok := c.noCandidates(); ok {
		return f
	}
	if c.timeline.iceConnected.IsZero() {
		return Failure{StageICE, "no_pair", "no candidate pair worked; a TURN server that both sides can reach would help"}
	}
	return Failure{StageDTLS, "no_handshake", "a path was found, but the DTLS handshake on it was not completed; " +
		"large packets may be lost on the path, or the certificate is another one than the signaled one"}
}

// noCandidates explains why this side has no candidates; false if it has some.
func (c *Call) noCandidates() (Failure, bool) {
	p := c.partner
	var fault error
	if p.link != nil {
		fault = p.link.dialer.failure()
	}
	switch {
	case p.candidates > 0:
		return Failure{}, false
	case isCertificateError(fault):
		return Failure{StageICE, "turn_certificate", fmt.Sprintf("the TURN server's certificate is not trusted (%v); %s", fault, trustCA)}, true
	case c.cfg.ICE == Relay && fault != nil:
		return Failure{StageICE, "turn_unreachable", fmt.Sprintf("the TURN server could not be reached (%v); "+
			"check that it is running and that no firewall blocks its port", fault)}, true
	case c.cfg.ICE == Relay:
		return Failure{StageICE, "no_relay", "the TURN server provided no relayed address; " +
			"check that it is running and that no firewall blocks its port"}, true
	default:
		return Failure{StageICE, "no_candidate", fmt.Sprintf("this side found no candidate of type %s; allow others with --ice", c.cfg.ICE)}, true
	}
}

// negotiation explains an error of an offer or an answer.
func negotiation(err error) Failure {
	return Failure{StageNegotiation, "description", err.Error()}
}

// lostCall explains that a call broke.
func lostCall(name string) Failure {
	return Failure{
		StageCall, "lost", "the connection was lost during the call: nothing more was received from " + name +
			"; the program there was stopped, or the network between both broke",
	}
}

// noMedia explains that a call had no media.
func noMedia(name string) Failure {
	return Failure{
		StageMedia, "no_media", "connected with " + name + ", but neither video nor audio was received" +
			"; see whether the other side sends, and whether both have a codec in common",
	}
}

// noSafetyCode explains why there is no safety code.
func noSafetyCode(err error) Failure {
	return Failure{StageSafety, "broken_rules", "there is no safety code, so somebody may sit in between: " + err.Error()}
}

// channelClosed explains why this side closed a data channel, without which the call goes on.
func channelClosed(label string, reason error) Failure {
	return Failure{
		StageData, "closed", fmt.Sprintf("the data channel %s was closed because of the other side: %v; "+
			"docs/call.md has the rules", label, reason),
	}
}
