package conformance

import (
	"slices"
	"strings"
	"testing"
)

func TestRule03SenderKnows(t *testing.T) {
	ss := newScenes(t, "rule 3 (the sender always knows)")
	ss.both("to one", func(s *scene) {
		a, b := s.pair()
		a.sendAcked(b, `{"call":1}`)
		b.message(a, `{"call":1}`)
		b.sendAcked(a, `"answer"`)
		a.message(b, `"answer"`)
	})
	ss.both("to everybody", func(s *scene) {
		all := s.fill(0)
		s.needs(len(all) > 1, "a room of this server has one seat")
		from := all[0]
		ack := from.get("ack", "message", fields{"data": "to all"})
		var want []string
		for _, p := range all[1:] {
			want = append(want, p.peer())
			p.message(from, `"to all"`)
		}
		got := ack.to()
		slices.Sort(want)
		slices.Sort(got)
		same(s, "the ack's to", strings.Join(got, " "), strings.Join(want, " "))
		same(s, "whether the ack has failed", ack.has("failed"), false)
	})
	ss.both("alone", func(s *scene) {
		s.join("Ann").refused("alone", "message", fields{"data": 1})
	})
	ss.both("no such peer", func(s *scene) {
		a, b := s.pair()
		stranger := s.dial("Stranger")
		stranger.join(fields{"room": s.newRoom("elsewhere")})
		for _, to := range []string{"nobody", a.peer(), stranger.peer()} {
			a.refused("no_such_peer", "message", fields{"to": to, "data": 1})
		}
		b.get("left", "leave", nil)
		a.about("bye", b.peer())
		a.refused("no_such_peer", "message", fields{"to": b.peer(), "data": 1})
	})
	ss.play("without id", func(s *scene) {
		a, b := s.pair()
		a.write(fields{"to": b.peer(), "data": "no promise"}.text("message"))
		b.message(a, `"no promise"`)
		a.write(fields{"to": "nobody", "data": 1}.text("message"))
		s.isError(a.replyOf("error", 0), "no_such_peer")
		a.get("pong", "ping", nil) // and not an ack of the first
	})
	ss.both("in order", func(s *scene) {
		a, b := s.pair()
		for i := range 40 {
			a.sendAcked(b, fields{"n": i}.text("x"))
		}
		for i := range 40 {
			b.message(a, fields{"n": i}.text("x"))
		}
	})
	ss.both("kept while away", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		b.cut()
		a.about("away", b.peer())
		for _, data := range []string{"1", "2", "3"} {
			a.sendAcked(b, data)
		}
		b.resumed()
		a.about("back", b.peer())
		for _, data := range []string{"1", "2", "3"} {
			b.message(a, data)
		}
	})
}

func TestRule03Undelivered(t *testing.T) {
	ss := newScenes(t, "rule 3 (the sender always knows: undelivered)")
	ss.both("what a ping did not confirm", func(s *scene) {
		a, b := s.pair()
		a.sendAcked(b, "1")
		second, third := a.sendAcked(b, "2"), a.sendAcked(b, "3")
		b.message(a, "1")
		b.get("pong", "ping", fields{"seq": b.seq})
		b.get("left", "leave", nil)
		bye := a.about("bye", b.peer())
		same(s, "undelivered", bye.undelivered(), ids(second, third))
		same(s, "reason", bye.str("reason"), "left")
	})
	ss.both("what seen did not confirm", func(s *scene) {
		a, b := s.pair()
		a.sendAcked(b, "1")
		a.sendAcked(b, "2")
		third := a.sendAcked(b, "3")
		b.message(a, "1")
		b.message(a, "2")
		b.write(fields{"seq": b.seq}.text("seen"))
		b.get("left", "leave", nil) // and nothing was said to seen
		same(s, "undelivered", a.about("bye", b.peer()).undelivered(), ids(third))
	})
	ss.both("all confirmed", func(s *scene) {
		a, b := s.pair()
		a.sendAcked(b, "1")
		b.message(a, "1")
		b.confirm()
		b.get("left", "leave", nil)
		if bye := a.about("bye", b.peer()); bye.has("undelivered") {
			s.failf("all is confirmed, and Ann gets %v", bye)
		}
	})
	ss.play("only what was promised", func(s *scene) {
		a, b := s.pair()
		first := a.sendAcked(b, "1")
		a.write(fields{"to": b.peer(), "data": 2}.text("message"))
		third := a.sendAcked(b, "3")
		b.get("left", "leave", nil)
		same(s, "undelivered, without the message that had no id", a.about("bye", b.peer()).undelivered(), ids(first, third))
	})
	ss.play("everybody hears of their own", func(s *scene) {
		all := s.fill(0)
		s.needs(len(all) > 2, "a room of this server has fewer than three seats")
		a, b, c := all[0], all[1], all[2]
		a.get("pong", "ping", nil)
		ofA := a.sendAcked(c, "1")
		ofB := b.sendAcked(c, "2")
		c.get("left", "leave", nil)
		same(s, "undelivered of the first sender", a.about("bye", c.peer()).undelivered(), ids(ofA))
		same(s, "undelivered of the second sender", b.about("bye", c.peer()).undelivered(), ids(ofB))
	})
	ss.bothClock("at the end of the grace", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		a.extra = b.needsGrace()
		b.confirm()
		b.cut()
		a.about("away", b.peer())
		id := a.sendAcked(b, `"too late"`)
		bye := a.about("bye", b.peer())
		same(s, "reason", bye.str("reason"), "timeout")
		same(s, "undelivered", bye.undelivered(), ids(id))
		a.refused("no_such_peer", "message", fields{"to": b.peer(), "data": 1})
	})
	ss.both("a number that was never sent confirms nothing", func(s *scene) {
		a, b := s.pair()
		id := a.sendAcked(b, "1")
		b.message(a, "1")
		b.write(fields{"seq": 1_000_000}.text("seen"))
		b.refused("bad_request", "ping", fields{"seq": 1_000_000})
		b.get("left", "leave", nil)
		same(s, "undelivered", a.about("bye", b.peer()).undelivered(), ids(id))
	})
}

// ids writes request ids as frame.undelivered does.
func ids(all ...int64) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, id := range all {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(itoa(id))
	}
	b.WriteByte(']')
	return b.String()
}
