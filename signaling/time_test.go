package signaling_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// between fails the test unless the time since start is in [from, to].
func between(t *testing.T, start time.Time, from, to time.Duration) {
	t.Helper()
	if took := time.Since(start); took < from || took > to {
		t.Errorf("it took %v, want %v to %v", took, from, to)
	}
}

// deadPeer joins and then neither reads nor writes, as after a power cut.
func (s *testServer) deadPeer(t *testing.T, room string) (*rawClient, protocol.Joined) {
	t.Helper()
	c := s.raw(t)
	c.send(`{"type":"join","room":"` + room + `"}`)
	return c, expect[protocol.Joined](c)
}

func TestDeadConnectionIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Ping: 15 * time.Second})
		ann, _ := server.join(t, "Ann", "a")
		start := time.Now()
		_, dead := server.deadPeer(t, "a")
		receive[protocol.OtherJoined](t, ann)
		if e := receive[protocol.Bye](t, ann); e.Peer != dead.Peer || e.Reason != protocol.ReasonTimeout {
			t.Errorf("bye = %+v", e)
		}
		between(t, start, 30*time.Second, 32*time.Second)
		timePasses(10 * time.Minute)
		if err := ann.Ping(t.Context()); err != nil { // who answers pings stays
			t.Errorf("after ten quiet minutes: %v", err)
		}
		if s := server.Snapshot(); s.Connections != 1 || s.Closed[protocol.CloseGoingAway] != 1 {
			t.Errorf("snapshot = %+v", s)
		}
	})
}

func TestJoinTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Limits: signaling.DefaultLimits()})
		start := time.Now()
		c := server.raw(t)
		c.send(`{"type":"ping"}`)
		expect[protocol.Pong](c)
		c.expectClose(protocol.ClosePolicy)
		between(t, start, 10*time.Second, 11500*time.Millisecond)

		c = server.raw(t)
		c.send(`{"type":"join","room":"a"}`)
		expect[protocol.Joined](c)
		timePasses(time.Minute)
		c.send(`{"type":"leave","id":1}`) // who has joined may stay
		expect[protocol.Left](c)
		start = time.Now()
		c.expectClose(protocol.CloseLeft)
		between(t, start, 10*time.Second, 11500*time.Millisecond)
	})
}

func TestFullRoomProbesSilentSeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Capacity: 2, Ping: 15 * time.Second})
		ann, _ := server.join(t, "Ann", "a")
		_, dead := server.deadPeer(t, "a")
		receive[protocol.OtherJoined](t, ann)

		// Nobody has been silent for a ping interval: full at once.
		start := time.Now()
		if _, err := server.dial(t, "Cy").Join(t.Context(), "a"); !isFull(err) {
			t.Errorf("join: %v, want full", err)
		}
		between(t, start, 0, 0)

		timePasses(20 * time.Second)
		start = time.Now()
		cy := server.dial(t, "Cy")
		done := make(chan error, 1)
		go func() {
			_, err := cy.Join(t.Context(), "a")
			done <- err
		}()
		synctest.Wait()
		// While the newcomer waits, nobody else does.
		if _, err := ann.Send(t.Context(), dead.Peer, 1); err != nil {
			t.Error(err)
		}
		server.join(t, "Di", "b")
		between(t, start, 0, 0)
		if err := <-done; err != nil {
			t.Errorf("join: %v, want the dead one's seat", err)
		}
		between(t, start, 2*time.Second, 2*time.Second)
		if e := receive[protocol.Bye](t, ann); e.Peer != dead.Peer || e.Reason != protocol.ReasonTimeout || len(e.Undelivered) != 1 {
			t.Errorf("bye = %+v", e)
		}
		if e := receive[protocol.OtherJoined](t, ann); e.Name != "Cy" {
			t.Errorf("other_joined = %+v", e)
		}
	})
}

func TestFullRoomBelievesWhoAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Capacity: 1, Ping: 15 * time.Second})
		late, _ := server.deadPeer(t, "a")
		timePasses(20 * time.Second) // a ping waits, unanswered
		start := time.Now()
		go func() {
			<-time.After(time.Second)
			late.send(`{"type":"ping","id":1}`)
		}()
		if _, err := server.dial(t, "Cy").Join(t.Context(), "a"); !isFull(err) {
			t.Errorf("join: %v, want full", err)
		}
		between(t, start, time.Second, time.Second)
		expect[protocol.Pong](late)
	})
}

func TestJoinThatWaitsIsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Capacity: 1, Ping: 15 * time.Second, Limits: signaling.DefaultLimits()})
		server.deadPeer(t, "a")
		timePasses(12 * time.Second)
		cy := server.dial(t, "Cy")
		timePasses(9500 * time.Millisecond)
		if _, err := cy.Join(t.Context(), "a"); err != nil { // answered 11.5 s after the connection
			t.Errorf("join: %v, want the dead one's seat", err)
		}
	})
}

func TestSeatFreedDuringProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Capacity: 1, Ping: time.Second})
		server.deadPeer(t, "a")
		timePasses(1500 * time.Millisecond)
		start := time.Now()
		if _, err := server.dial(t, "Cy").Join(t.Context(), "a"); err != nil {
			t.Errorf("join: %v, want the dead one's seat", err)
		}
		between(t, start, 400*time.Millisecond, 700*time.Millisecond) // two pings after the last sign of life
	})
}

func isFull(err error) bool {
	_, full := errors.AsType[*fullError](err)
	return full
}

func TestBadFramesOfOneMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{})
		ann, _ := server.join(t, "Ann", "a")
		c, joined := server.deadPeer(t, "a")
		receive[protocol.OtherJoined](t, ann)
		for range 30 { // one in ten seconds is forgiven
			timePasses(10 * time.Second)
			c.send(`nonsense`)
			_ = c.expectError(protocol.CodeBadFrame)
		}
		timePasses(time.Minute)
		for range 8 {
			c.send(`nonsense`)
			_ = c.expectError(protocol.CodeBadFrame)
		}
		c.expectClose(protocol.ClosePolicy)
		if e := receive[protocol.Bye](t, ann); e.Peer != joined.Peer || e.Reason != protocol.ReasonKicked {
			t.Errorf("bye = %+v", e)
		}
	})
}

func TestCloseTellsEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Capacity: 2})
		ann, _ := server.join(t, "Ann", "a")
		bo, joined := server.join(t, "Bo", "a")
		receive[protocol.OtherJoined](t, ann)
		if _, err := ann.Send(t.Context(), joined.Peer, "last words"); err != nil {
			t.Fatal(err)
		}
		server.deadPeer(t, "b") // takes closeWait, not for ever
		start := time.Now()
		closeServer(t, server.Server)
		between(t, start, 3*time.Second, 3*time.Second)

		receive[protocol.MessageEvent](t, bo)
		for _, c := range []*caller{ann, bo} {
			// No bye: the others come back too.
			if e := receive[protocol.Closing](t, c); e.After != 5 {
				t.Errorf("closing = %+v", e)
			}
			_, err := c.Receive(t.Context())
			if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != protocol.CloseGoingAway {
				t.Errorf("Receive: %v, want close code 1001", err)
			}
		}
		_, err := server.call(t.Context(), "")
		if refused, ok := errors.AsType[*handshakeError](err); !ok || refused.Status != 503 {
			t.Errorf("Dial after Close: %v, want status 503", err)
		}
	})
}
