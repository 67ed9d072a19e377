package peer_test

import (
	"strings"
	"testing"
	"time"

	"callbox/peer"
	"callbox/signaling/protocol"
)

// The server is gone for good. The bots negotiate on their data channel: an
// offer is answered, media goes on, and the one that hangs up is known to have done so.
func TestNegotiationWithoutServer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	toA, toB := newThreeParts(), newThreeParts()
	a.Sink, b.Sink = toA, toB
	codesA, codesB := events(&a, peer.EventSafetyCode), events(&b, peer.EventSafetyCode)
	lostA, lostB := events(&a, peer.EventSignalingLost), events(&b, peer.EventSignalingLost)
	first, second := join(t, a), join(t, b)
	next(t, "the code at the first", codesA)
	next(t, "the code at the second", codesB)
	s.kill(t)
	next(t, "the loss at the first", lostA)
	next(t, "the loss at the second", lostB)
	await(t, "frames at the first", toA.parts[0])
	await(t, "frames at the second", toB.parts[0])
	local, _, _ := first.Negotiated()
	before := origin(&protocol.Description{SDP: local})
	first.Offer()
	for _, c := range []*peer.Call{first, second} {
		awaitOther(t, c, before)
	}
	await(t, "frames at the first after the negotiation", toA.parts[2])
	await(t, "frames at the second after the negotiation", toB.parts[2])
	first.Hangup()
	checkOutcome(t, first.Wait(), peer.Good, "hung up")
	checkOutcome(t, second.Wait(), peer.Good, "Ann left")
	for _, r := range []*peer.Report{first.Wait(), second.Wait()} {
		checkMedia(t, r)
	}
}

// awaitOther waits until the caller's offer is another one at a bot.
func awaitOther(t *testing.T, c *peer.Call, before string) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); ; <-poll.C {
		local, remote, settled := c.Negotiated()
		if settled && !strings.Contains(local+remote, before) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was negotiated")
		}
	}
}

// The page's connection to the server is gone for good, and then the bot's, too. An
// offer on ctl is answered there. An offer that also comes through the server, before
// or after, is applied once.
func TestNegotiationOnCtl(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.Duration = -1
	lost := events(&cfg, peer.EventSignalingLost)
	bot, w := listening(t, s, &cfg)
	offer := w.offer()
	w.signal(protocol.CallData{Call: 1, Description: offer})
	first := w.toldDescription()
	if first.Call != 1 || first.Description.Type != "answer" || first.Ctl {
		t.Fatalf("told %+v", first)
	}
	w.say(protocol.CallData{Description: offer})
	second := w.hearDescription("answer")
	if origin(second.Description) != origin(first.Description) || !second.Ctl {
		t.Errorf("the second answer is another one: %+v", second)
	}
	w.setRemote(first.Description)

	w.signal(protocol.CallData{Call: 1, Renegotiate: true})
	asked := w.toldDescription()
	if asked.Description.Type != "offer" {
		t.Fatalf("told %+v", asked)
	}
	s.kill(t)
	next(t, "the loss of the server", lost)
	if again := w.toldDescription(); origin(again.Description) != origin(asked.Description) { // the offer without an answer
		t.Errorf("told %+v", again)
	}
	w.signal(protocol.CallData{Call: 1, Description: w.answer(asked.Description)})

	w.signal(protocol.CallData{Call: 1, Description: w.offer()})
	w.setRemote(w.toldDescription().Description)
	stillThere(t, bot)
}

// origin returns the line of a description that says which one it is (RFC 8866,
// section 5.2).
func origin(d *protocol.Description) string {
	for line := range strings.Lines(d.SDP) {
		if strings.HasPrefix(line, "o=") {
			return line
		}
	}
	return ""
}
