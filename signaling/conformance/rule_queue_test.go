package conformance

import (
	"strings"
	"testing"
	"time"
)

// The bounds of what a peer has not confirmed.
const (
	queueEvents = 256
	queueBytes  = 1 << 20
)

func TestRule08Queues(t *testing.T) {
	ss := newScenes(t, "rule 8 (nobody waits for a slow reader)")
	ss.both("256 messages", func(s *scene) {
		a, b := s.pair()
		for i := range int64(queueEvents) {
			a.sendAcked(b, itoa(i))
		}
		full := a.refused("queue_full", "message", fields{"to": b.peer(), "data": "one too many"})
		same(s, "retry", full.truth("retry"), true)
		if after := full.num("after"); after <= 0 || after > 60 {
			s.failf("after in %v is not some seconds", full)
		}
		for i := range int64(queueEvents) {
			b.message(a, itoa(i))
		}
		b.write(fields{"seq": b.seq}.text("seen"))
		b.get("pong", "ping", nil)
		s.nothingElse(a, b)
	})
	ss.play("1 MiB", func(s *scene) {
		a, b := s.pair()
		const size = 60_000
		data := `"` + strings.Repeat("x", size-2) + `"`
		for range queueBytes / size {
			a.sendAcked(b, data)
		}
		a.refused("queue_full", "message", fields{"to": b.peer(), "data": raw(data)})
		for range queueBytes / size {
			b.message(a, data)
		}
		b.confirm()
		a.sendAcked(b, data)
	})
	ss.both("kept for who is away", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		b.cut()
		a.about("away", b.peer())
		a.sayUntilFull(b)
		b.resumed()
		a.about("back", b.peer())
		for i := range int64(queueEvents) {
			b.message(a, itoa(i))
		}
		b.confirm()
		s.nothingElse(a, b)
	})
	ss.play("of one only", func(s *scene) {
		all := s.fill(0)
		s.needs(len(all) > 2, "a room of this server has fewer than three seats")
		a, b, c := all[0], all[1], all[2]
		a.sayUntilFull(b)
		s.nothingElse(a, c)
		ack := a.get("ack", "message", fields{"data": "to all"})
		for _, to := range ack.to() {
			if to == b.peer() {
				s.failf("Bo's queue is full, and the ack is %v", ack)
			}
		}
		failed := field[[]struct{ Peer, Code string }](ack, "failed")
		if len(failed) != 1 || failed[0].Peer != b.peer() || failed[0].Code != "queue_full" {
			s.failf("Bo's queue is full, and the ack is %v", ack)
		}
		c.message(a, `"to all"`)
	})
	ss.play("the server's own events always fit", func(s *scene) {
		all := s.fill(0)
		s.needs(len(all) > 2, "a room of this server has fewer than three seats")
		a, b, c := all[0], all[1], all[2]
		b.needsHeld()
		b.cut()
		a.about("away", b.peer())
		c.about("away", b.peer())
		a.sayUntilFull(b)
		for range 20 { // 40 events, more than there are places
			c.cut()
			a.about("away", c.peer())
			c.resumed()
			a.about("back", c.peer())
			a.confirm()
		}
		b.resumed()
		for i := range int64(queueEvents) {
			b.message(a, itoa(i))
		}
		b.confirm()
		a.sendAcked(b, `"end"`)
		same(s, "what follows the server's events", b.nextMessage().data(), `"end"`)
	})
}

// sayUntilFull sends 256 small messages, all of which must be taken, and one that
// must not.
func (p *peer) sayUntilFull(to *peer) {
	p.s.Helper()
	for i := range int64(queueEvents) {
		p.sendAcked(to, itoa(i))
	}
	p.refused("queue_full", "message", fields{"to": to.peer(), "data": "one too many"})
}

func TestRule08SlowReader(t *testing.T) {
	ss := newScenes(t, "rule 8 (nobody waits for a slow reader)")
	ss.play("who does not read is closed and held", func(s *scene) {
		a := s.join("Ann")
		b := &peer{s: s, name: "Bo"}
		w := s.openSocket("Bo", handshake{slow: true})
		b.link = w
		s.Cleanup(w.cut)
		request := fields{"room": s.room, "name": "Bo", "id": 1}
		if s.at.token != "" {
			request["token"] = s.at.token
		}
		b.write(request.text("join"))
		for len(w.box.replies) == 0 {
			w.step() // pings may come first
		}
		b.joined = b.replyOf("joined", 1)
		b.needsHeld()
		a.event("other_joined")
		s.needs(b.joined.num("ping") > 0, "this server sends no pings")
		data := `"` + strings.Repeat("x", 30_000) + `"`
		// Bo confirms what he has not read, so that only the line is full.
		for i := int64(1); ; i++ {
			if i > 4000 {
				s.failf("4000 messages of 30 kB went to a reader that does not read")
			}
			reply := a.roundTrip("message", fields{"to": b.peer(), "data": raw(data)})
			if reply.str("code") == "queue_full" {
				if len(a.link.inbox().events) > 0 {
					break
				}
				<-time.After(spanOf(min(reply.num("after"), 0.1)))
				continue
			}
			if reply.kind() != "ack" {
				s.failf("Ann sends to a slow reader and gets %v", reply)
			}
			_ = w.send(fields{"seq": i}.text("seen"))
			if len(a.link.inbox().events) > 0 {
				break
			}
		}
		a.about("away", b.peer())
		go w.run() // reads what still is on the line; ends with it
		b.closed(4002, 1001, closeAbnormal)
		b.connect(s.via)
		joined := b.tryJoin(fields{"resume": b.resume(), "seq": 0})
		if joined.kind() != "joined" || joined.str("peer") != b.peer() {
			s.failf("who was too slow comes back and gets %v, want the old seat", joined)
		}
		a.about("back", b.peer())
	})
}

func TestRule09DeadConnections(t *testing.T) {
	ss := newScenes(t, "rule 9 (a dead connection is found)")
	ss.clock("the server pings", func(s *scene) {
		a := s.join("Ann")
		ping := spanOf(a.joined.num("ping"))
		s.needs(ping > 0 && ping <= time.Minute, "this server pings hardly or not")
		begin := time.Now()
		for a.ws().pings.Load() < 3 {
			if time.Since(begin) > 3*ping+*patienceFlag {
				s.failf("%d pings came in %v, want one every %v", a.ws().pings.Load(), time.Since(begin), ping)
			}
			<-time.After(20 * time.Millisecond)
		}
		if took := time.Since(begin); took < 2*ping-ping/4 {
			s.failf("three pings came within %v, want one every %v", took, ping)
		}
	})
	ss.clock("silence", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		ping := spanOf(a.joined.num("ping"))
		s.needs(ping > 0 && ping <= time.Minute, "this server pings hardly or not")
		begin := time.Now()
		a.extra, b.extra = 3*ping, 3*ping
		b.ws().deaf.Store(true)
		// The grace counts from the last sign of life, too: it may end first.
		held := spanOf(b.joined.num("grace")) > 2*ping+ping/2
		if held {
			a.about("away", b.peer())
		} else {
			same(s, "reason", a.nextBye().str("reason"), "timeout")
		}
		if took := time.Since(begin); took < ping {
			s.failf("away after %v of silence, want two intervals of %v", took, ping)
		}
		b.closed(1001, 1012, closeAbnormal)
		if held {
			b.resumed()
			a.about("back", b.peer())
		}
	})
	ss.clock("who answers stays", func(s *scene) {
		a, b := s.pair()
		ping := spanOf(a.joined.num("ping"))
		s.needs(ping > 0 && ping <= 10*time.Second, "this server pings hardly or not")
		begin := time.Now()
		for a.ws().pings.Load() < 4 || b.ws().pings.Load() < 4 {
			if time.Since(begin) > 4*ping+*patienceFlag {
				s.failf("the server does not ping every %v", ping)
			}
			<-time.After(20 * time.Millisecond)
		}
		s.nothingElse(a, b)
		s.nothingElse(b, a)
	})
	ss.play("a full room of the living", func(s *scene) {
		all := s.fill(0)
		for range 3 {
			late := s.dial("Late")
			same(s, "the reply", late.tryJoin(nil).kind(), "full")
		}
		for i, p := range all {
			s.nothingElse(p, all[(i+1)%len(all)])
		}
	})
	ss.both("a pong refreshes nothing that is not asked for", func(s *scene) {
		a := s.join("Ann")
		pong := a.get("pong", "ping", nil)
		if resume := pong.str("resume"); resume != "" {
			// It is allowed at any time, and must be as good as the first.
			a.cut()
			a.connect(s.via)
			same(s, "resumed with a pong's token", a.join(fields{"resume": resume, "seq": 0}).truth("resumed"), true)
		}
	})
}
