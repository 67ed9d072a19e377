package peer_test

import (
	"strings"
	"testing"

	"callbox/signaling/protocol"
)

// habit is a way in which clients other than the call page behave.
type habit struct {
	name string
	// sdp and candidates change descriptions and candidates; nil = unchanged.
	sdp        func(sdp string) string
	candidates func([]protocol.Candidate) []protocol.Candidate
	noTrickle  bool // candidates stand in the description alone
	first      bool // candidates come before the offer
	noEnd      bool // nobody says that there are no more
}

// TestForeignCallers calls the bot in the way of existing clients: SIP gateways,
// aiortc, simple-peer and others.
func TestForeignCallers(t *testing.T) {
	t.Parallel()
	for _, h := range append(sdpHabits(), candidateHabits()...) {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			p := open(t, s)
			bot := join(t, s.listener(t))
			p.awaitOther()
			p.build(1)
			h.call(p)
			p.setRemote(p.hearDescription("answer").Description)
			await(t, "connection", p.connected)
			await(t, "connection at the bot", bot.Connected())
		})
	}
}

// call makes the offer in the way of h.
func (h *habit) call(p *page) {
	p.t.Helper()
	h.say(p, p.offer())
}

// answer answers the bot's offer in the way of h.
func (h *habit) answer(p *page) {
	p.t.Helper()
	h.say(p, p.gather(p.pc.CreateAnswer(nil)))
}

func (h *habit) say(p *page, description *protocol.Description) {
	p.t.Helper()
	if h.noTrickle {
		description.SDP = p.pc.LocalDescription().SDP
		p.candidates = nil
	}
	if h.sdp != nil {
		description.SDP = h.sdp(description.SDP)
	}
	if h.candidates != nil {
		p.candidates = h.candidates(p.candidates)
	}
	words := []func(){
		func() { p.say(protocol.CallData{Description: description}) },
		func() {
			for i := range p.candidates {
				p.say(protocol.CallData{Candidate: &p.candidates[i]})
			}
		},
	}
	if h.first {
		words[0], words[1] = words[1], words[0]
	}
	for _, f := range words {
		f()
	}
	if !h.noEnd {
		p.say(protocol.CallData{EndOfCandidates: true})
	}
}

func sdpHabits() []habit {
	return []habit{
		{name: "no trickle", noTrickle: true, noEnd: true},
		{name: "no trickle, and the end is told", noTrickle: true},
		{name: "lines end with LF", sdp: func(sdp string) string { return strings.ReplaceAll(sdp, "\r\n", "\n") }},
		{name: "a blank line at the end", sdp: func(sdp string) string { return sdp + "\r\n" }},
		{name: "candidates before the description", first: true},
		{name: "never an end of candidates", noEnd: true},
		{name: "unknown attributes", sdp: func(sdp string) string {
			return strings.Replace(sdp, "a=group:", "a=x-unheard-of:1\r\na=group:", 1)
		}},
		{name: "53 KB of description", sdp: func(sdp string) string {
			return sdp + strings.Repeat("a=x-padding:"+strings.Repeat("x", 86)+"\r\n", 500)
		}},
	}
}

func candidateHabits() []habit {
	lines := func(edit func(line string) string) func([]protocol.Candidate) []protocol.Candidate {
		return func(all []protocol.Candidate) []protocol.Candidate {
			for i := range all {
				all[i].Candidate = edit(all[i].Candidate)
			}
			return all
		}
	}
	more := func(added ...string) func([]protocol.Candidate) []protocol.Candidate {
		return func(all []protocol.Candidate) []protocol.Candidate {
			var before []protocol.Candidate
			for _, line := range added {
				c := all[0]
				c.Candidate = line
				before = append(before, c)
			}
			return append(before, all...)
		}
	}
	many := make([]string, 150)
	for i := range many {
		many[i] = "candidate:9 1 udp 2130706431 192.0.2.1 9 typ host"
	}
	return []habit{
		{name: "an empty candidate is the end", candidates: func(all []protocol.Candidate) []protocol.Candidate {
			return append(all, protocol.Candidate{SDPMid: all[0].SDPMid, SDPMLineIndex: all[0].SDPMLineIndex})
		}, noEnd: true},
		{name: "a= before the candidate", candidates: lines(func(line string) string { return "a=" + line })},
		{name: "no sdpMid", candidates: func(all []protocol.Candidate) []protocol.Candidate {
			for i := range all {
				all[i].SDPMid = nil
			}
			return all
		}},
		{name: "no foundation", candidates: more("candidate: 1 udp 2130706431 192.0.2.1 9 typ host")},
		{name: "a name of mDNS", candidates: more("candidate:9 1 udp 2113937151 0d3e1b5e-9a4e-4b52-9c2f-0123456789ab.local 9 typ host")},
		{name: "an address with a zone", candidates: more("candidate:9 1 udp 2130706431 fe80::1%eth0 9 typ host")},
		{name: "TCP and its old names", candidates: more(
			"candidate:9 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
			"candidate:9 1 ssltcp 1518280447 192.0.2.1 443 typ host",
		)},
		{name: "nonsense", candidates: more("candidate:", "candidate", "nonsense", "candidate:a b c d e f typ host")},
		{name: "150 candidates", candidates: more(many...)},
	}
}

// TestForeignAnswerers lets such clients answer the bot's call.
func TestForeignAnswerers(t *testing.T) {
	t.Parallel()
	for _, h := range []habit{
		{name: "no trickle", noTrickle: true, noEnd: true},
		{name: "lines end with LF", sdp: func(sdp string) string { return strings.ReplaceAll(sdp, "\r\n", "\n") }},
		{name: "candidates before the description", first: true},
		{name: "never an end of candidates", noEnd: true},
		{name: "nonsense", candidates: candidateHabits()[7].candidates},
	} {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			bot := join(t, s.listener(t))
			p := open(t, s)
			p.build(1)
			p.setRemote(p.hearDescription("offer").Description)
			h.answer(p)
			await(t, "connection", p.connected)
			await(t, "connection at the bot", bot.Connected())
		})
	}
}
