package signaling

import (
	"testing"
	"time"

	"callbox/signaling/protocol"
)

// idleTransport is a transport that does nothing.
type idleTransport struct{ transport }

func (idleTransport) kind() transportKind    { return overWebSocket }
func (idleTransport) idleFor() time.Duration { return 0 }

// TestWhatWasSentStaysAsItIs resumes with a lower seq than was sent. A new event
// must not replace one that the client may have seen.
func TestWhatWasSentStaysAsItIs(t *testing.T) {
	server := &Server{started: time.Now()}
	s, other := &session{shard: &shard{server: server}}, new(session)
	var fx effects
	tell := func(k eventKind, f protocol.Frame) {
		s.announce(k, other, &fx, func(uint64) protocol.Frame { return f })
	}
	first, second := &connection{server: server, transport: idleTransport{}}, &connection{server: server, transport: idleTransport{}}
	if !s.attach(first) {
		t.Fatal("no connection")
	}
	s.queueJoined(protocol.Joined{}, 0)
	tell(kindAway, protocol.Away{})
	first.sentSeq = 1
	s.detach(first)
	if !s.attach(second) {
		t.Fatal("no connection")
	}
	s.queueJoined(protocol.Joined{}, 0)
	tell(kindBack, protocol.Back{})
	if s.seq != 2 {
		t.Errorf("the newest event is %d, want 2: the first was sent before", s.seq)
	}
	tell(kindAway, protocol.Away{})
	if s.seq != 2 {
		t.Errorf("the newest event is %d, want 2: it was not sent yet", s.seq)
	}
}

// TestLossStaysBehindAcknowledgements has a peer that was away come back with a
// loss, before the client was told that it is away. What was acknowledged to the
// client in between is lost as well, so the client must be told of the loss
// after the acknowledgement.
func TestLossStaysBehindAcknowledgements(t *testing.T) {
	server := &Server{started: time.Now()}
	s, other := &session{shard: &shard{server: server}}, new(session)
	c := &connection{server: server, transport: idleTransport{}}
	if !s.attach(c) {
		t.Fatal("no connection")
	}
	s.queueJoined(protocol.Joined{}, 0)
	var fx effects
	tell := func(k eventKind, want uint64) {
		t.Helper()
		s.announce(k, other, &fx, func(seq uint64) protocol.Frame { return protocol.Back{Seq: seq} })
		if s.seq != want {
			t.Fatalf("the newest event is %d, want %d", s.seq, want)
		}
	}
	tell(kindAway, 1)
	tell(kindReset, 1) // nothing was acknowledged
	s.replyOnce(0, protocol.Ack{ID: 1})
	tell(kindReset, 2)
	tell(kindReset, 2)
	tell(kindAway, 3)
	s.replyOnce(0, protocol.Ack{ID: 2})
	tell(kindBack, 3) // nothing is lost
	tell(kindAway, 3)
	tell(kindReset, 4)
}
