package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestRule04Resume(t *testing.T) {
	ss := newScenes(t, "rule 4 (a broken connection loses nothing)")
	ss.both("replay", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		for i := range int64(5) {
			a.sendAcked(b, itoa(i))
		}
		b.message(a, "0")
		b.message(a, "1")
		b.cut()
		a.about("away", b.peer())
		a.sendAcked(b, "5")
		b.resumed()
		for i := range int64(4) {
			f := b.message(a, itoa(i+2))
			if s.via == viaSocket && f.order < b.joined.order {
				s.failf("%v came before joined", f)
			}
		}
		same(s, "resumed in back", a.about("back", b.peer()).truth("resumed"), true)
		s.nothingElse(a, b)
		s.nothingElse(b, a)
	})
	ss.both("seq confirms", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		a.sendAcked(b, "1")
		a.sendAcked(b, "2")
		third := a.sendAcked(b, "3")
		b.message(a, "1")
		b.message(a, "2")
		b.cut()
		a.about("away", b.peer())
		b.resumed()
		a.about("back", b.peer())
		b.message(a, "3")
		b.get("left", "leave", nil)
		same(s, "undelivered", a.about("bye", b.peer()).undelivered(), ids(third))
	})
	ss.both("both lose their connections", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		a.sendAcked(b, `"to Bo"`)
		b.sendAcked(a, `"to Ann"`)
		a.cut()
		b.cut()
		a.resumed()
		b.resumed()
		same(s, "what Ann gets", a.nextMessage().data(), `"to Ann"`)
		same(s, "what Bo gets", b.nextMessage().data(), `"to Bo"`)
		a.sendAcked(b, "1")
		same(s, "what Bo gets", b.nextMessage().data(), "1")
		b.sendAcked(a, "2")
		same(s, "what Ann gets", a.nextMessage().data(), "2")
	})
	ss.both("the first token stays good", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		first := b.resume()
		for i := range int64(3) {
			b.cut()
			a.about("away", b.peer())
			a.sendAcked(b, itoa(i))
			b.connect(s.via)
			// As if the answers with newer tokens had been lost.
			joined := b.join(fields{"resume": first, "seq": b.seq})
			same(s, "resumed", joined.truth("resumed"), true)
			a.about("back", b.peer())
			b.message(a, itoa(i))
		}
	})
	ss.both("away is told to newcomers", func(s *scene) {
		all := s.fill(1)
		s.needs(len(all) > 1, "a room of this server has fewer than three seats")
		all[0].needsHeld()
		all[0].cut()
		all[1].about("away", all[0].peer())
		c := s.join("Cy")
		same(s, "away in joined.peers of who is away", c.joined.peers()[0].Away, true)
		same(s, "away in joined.peers of who is not", c.joined.peers()[1].Away, false)
		all[0].resumed()
		same(s, "resumed", c.about("back", all[0].peer()).truth("resumed"), true)
		all[0].about("other_joined", c.peer())
	})
	ss.bothClock("the seat is held for the grace", func(s *scene) {
		all := s.fill(0)
		s.needs(len(all) > 1, "a room of this server has one seat")
		a, b := all[0], all[len(all)-1]
		b.needsHeld()
		grace := b.needsGrace()
		a.extra = grace
		b.get("pong", "ping", nil)
		begin := time.Now()
		b.cut()
		a.about("away", b.peer())
		late := s.dial("Late")
		same(s, "the reply to a join while the last seat is held", late.tryJoin(nil).kind(), "full")
		same(s, "reason", a.about("bye", b.peer()).str("reason"), "timeout")
		if held := time.Since(begin); held < grace-grace/10 {
			s.failf("the seat was held for %v, want %v", held, grace)
		}
		late = s.join("Late")
		a.about("other_joined", late.peer())
	})
	ss.both("numbers that cannot be", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		for i := range int64(3) {
			a.sendAcked(b, itoa(i))
			b.message(a, itoa(i))
		}
		b.confirm()
		for _, seq := range []int64{b.seq + 1000, b.seq - 2} {
			s.reset(a, b, seq)
			for i := range int64(3) {
				a.sendAcked(b, itoa(i))
				b.message(a, itoa(i))
			}
			b.confirm()
		}
	})
	ss.both("a token from before the loss", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		before := b.resume()
		s.reset(a, b, b.seq+1000)
		b.cut()
		a.about("away", b.peer())
		b.connect(s.via)
		joined := b.join(fields{"resume": before, "seq": b.seq})
		same(s, "resumed, with a token that knows nothing of the numbers of now", joined.truth("resumed"), false)
		same(s, "resumed in back", a.about("back", b.peer()).truth("resumed"), false)
	})
}

// reset resumes with a seq that the server cannot go on from.
func (s *scene) reset(a, b *peer, seq int64) {
	s.Helper()
	old := b.peer()
	b.cut()
	a.about("away", old)
	b.connect(s.via)
	joined := b.join(fields{"resume": b.resume(), "seq": seq})
	if joined.truth("resumed") || joined.str("peer") != old {
		s.failf("a resume with seq %d, which was never sent or is long confirmed, is answered with %v; want the same seat with resumed false", seq, joined)
	}
	same(s, "resumed in back", a.about("back", old).truth("resumed"), false)
}

// nextMessage returns the next message, whoever went and came back before it.
func (p *peer) nextMessage() frame {
	p.s.Helper()
	for {
		f, ok := p.next(p.link.inbox().events)
		if !ok {
			p.s.failf("%s got no message%s", p.name, p.ending())
		}
		if f.seq() != p.seq+1 {
			p.s.failf("%s got %v after seq %d, want the next number", p.name, f, p.seq)
		}
		p.seq = f.seq()
		switch f.kind() {
		case "message":
			return f
		case "away", "back":
		default:
			p.s.failf("%s gets %v, want a message", p.name, f)
		}
	}
}

func TestRule04Identifiers(t *testing.T) {
	ss := newScenes(t, "rule 4 (a request is carried out once)")
	ss.both("a known id is answered again", func(s *scene) {
		a, b := s.pair()
		id := a.sendAcked(b, "1")
		text := fields{"id": id, "to": b.peer(), "data": 1}.text("message")
		b.message(a, "1")
		a.write(text)
		first := a.replyOf("ack", id)
		same(s, "the ack's to", strings.Join(first.to(), " "), b.peer())
		s.nothingElse(a, b) // and not the message again
		a.cut()
		b.about("away", a.peer())
		a.resumed()
		b.about("back", a.peer())
		a.write(text)
		same(s, "the reply after resume", a.replyOf("ack", id).text, first.text)
		s.nothingElse(a, b)
	})
	ss.both("an error is an answer", func(s *scene) {
		a := s.join("Ann")
		alone := a.refused("alone", "message", fields{"data": 1})
		b := s.join("Bo")
		a.event("other_joined")
		a.write(fields{"id": a.id, "data": 1}.text("message"))
		same(s, "the reply to the same id", a.reply().text, alone.text)
		s.nothingElse(a, b)
	})
	ss.both("the last 32 replies are kept", func(s *scene) {
		a, b := s.pair()
		first := a.sendAcked(b, "1")
		b.message(a, "1")
		second := a.request("ping", nil)
		a.replyOf("pong", second)
		for range 31 {
			a.get("pong", "ping", nil)
		}
		if a.id != second+31 {
			s.failf("this scene needs 32 frames at once")
		}
		a.write(fields{"id": second}.text("ping"))
		a.replyOf("pong", second)
		a.write(fields{"id": first, "to": b.peer(), "data": 1}.text("message"))
		if ack := a.replyOf("ack", first); ack.has("to") || ack.has("failed") {
			s.failf("an id older than the last 32 is answered with %v, want a bare ack", ack)
		}
		s.nothingElse(a, b)
	})
	ss.both("an id that was left out", func(s *scene) {
		a, b := s.pair()
		a.write(`{"type":"ping","id":5}`)
		a.replyOf("pong", 5)
		a.write(fields{"id": 3, "to": b.peer(), "data": 1}.text("message"))
		s.isError(a.replyOf("error", 3), "bad_request")
		a.id = 5
		s.nothingElse(a, b)
	})
	ss.both("join stands outside the numbering", func(s *scene) {
		a := s.dial("Ann")
		a.id = 700
		a.join(nil)
		same(s, "the next id", a.id, 0)
		a.get("pong", "ping", nil)
	})
	ss.play("cut at any byte", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		for i := range int64(12) {
			a.id++
			data := fmt.Sprintf(`"message %d"`, i)
			text := fields{"id": a.id, "to": b.peer(), "data": raw(data)}.text("message")
			whole := maskedFrame(0x80|opText, []byte(text))
			part := whole[:len(whole)*int(i)/11]
			if err := a.ws().writeBytes(part); err != nil {
				s.failf("%v", err)
			}
			a.cut()
			a.resumed()
			a.write(text)
			a.replyOf("ack", a.id)
			if got := b.nextMessage(); got.data() != data {
				s.failf("a request was cut after %d of %d bytes and repeated after resume; the receiver gets %v, want %s once", len(part), len(whole), got, data)
			}
		}
	})
	ss.play("an answer that nobody read", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		for i := range int64(8) {
			a.id++
			text := fields{"id": a.id, "to": b.peer(), "data": i}.text("message")
			a.write(text)
			same(s, "what Bo gets", b.nextMessage().data(), itoa(i)) // so it was carried out
			a.cut()
			a.resumed()
			a.write(text)
			a.replyOf("ack", a.id)
		}
		a.sendAcked(b, `"end"`)
		same(s, "what Bo gets after eight repeated requests", b.nextMessage().data(), `"end"`)
	})
}

func TestRule04Tokens(t *testing.T) {
	ss := newScenes(t, "rule 4 (resume is good for its holder only)")
	ss.play("forged", func(s *scene) {
		a, b := s.pair()
		thief := s.dial("Thief")
		token := b.resume()
		middle := len(token) / 4
		for _, forged := range []string{
			token[:middle] + string(otherLetter(token[middle])) + token[middle+1:],
			token[:len(token)-8] + string(otherLetter(token[len(token)-8])) + token[len(token)-7:],
			"x.y",
		} {
			s.isRefused(thief.tryJoin(fields{"resume": forged, "seq": 0}))
		}
		s.nothingElse(a, b)
		thief.join(fields{"room": s.newRoom("own")}) // the connection is none the worse for it
	})
	ss.play("of another room", func(s *scene) {
		a, b := s.pair()
		c := s.dial("Cy")
		s.isRefused(c.tryJoin(fields{"room": s.newRoom("other"), "resume": b.resume(), "seq": 0}))
		s.nothingElse(a, b)
	})
	ss.both("of a seat that was left", func(s *scene) {
		a, b := s.pair()
		b.get("left", "leave", nil)
		a.about("bye", b.peer())
		late := s.dial("Late")
		s.isRefused(late.tryJoin(fields{"resume": b.resume(), "seq": b.seq}))
		late.join(nil)
		a.about("other_joined", late.peer())
	})
	ss.play("is opaque and short", func(s *scene) {
		a := s.join("Ann")
		if n := len(a.resume()); n > 2048 || strings.Contains(a.resume(), s.room) {
			s.failf("the resume token has %d bytes, want at most 2048", n)
		}
	})
}

// isRefused expects unauthorized, unless earlier runs against the same server
// have used up what it forgives an address.
func (s *scene) isRefused(f frame) {
	s.Helper()
	if f.str("code") == "rate_limited" {
		s.needs(false, "the server refuses this address for its many forged tokens; come back in some minutes")
	}
	s.isError(f, "unauthorized")
}

// otherLetter returns a letter of base64 whose bits all differ where it counts.
func otherLetter(c byte) byte {
	if c == 'A' {
		return 'n'
	}
	return 'A'
}

func TestRule05Restart(t *testing.T) {
	ss := newScenes(t, "rule 5 (a restarted server loses no call)")
	ss.clock("a seat that timed out", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		b.extra = a.needsGrace()
		old := a.peer()
		a.cut()
		b.about("away", old)
		b.about("bye", old)
		joined := a.rejoin()
		if joined.str("peer") != old || joined.truth("resumed") {
			s.failf("Ann's seat timed out, there is room, and she gets %v; want the same peer id with resumed false", joined)
		}
		same(s, "polite of the first one, whose token tells her place", joined.peers()[0].Polite, false)
		back := b.about("other_joined", old)
		same(s, "polite towards the first one, who is back", back.truth("polite"), true)
		s.nothingElse(a, b)
		same(s, "seq after a resume without its events", func() int64 { s.nothingElse(b, a); return a.seq }(), 1)
	})
	ss.clock("a seat that others took", func(s *scene) {
		all := s.fill(0)
		s.needs(len(all) > 1, "a room of this server has one seat")
		a, b := all[0], all[len(all)-1]
		b.needsHeld()
		a.extra = b.needsGrace()
		b.cut()
		a.about("away", b.peer())
		a.about("bye", b.peer())
		s.join("Cy")
		b.connect(s.via)
		same(s, "the reply to a resume of a seat that another has", b.tryJoin(fields{"resume": b.resume(), "seq": b.seq}).kind(), "full")
	})
	for _, orderly := range []bool{true, false} {
		name := map[bool]string{true: "orderly", false: "brutal"}[orderly]
		ss.both("restart "+name, func(s *scene) {
			s.needsOwn()
			config := streamConfig()
			config.SessionSecrets = [][]byte{[]byte("the same before and after, 32 bytes")}
			s.at = serve(s.T, config)
			restart(s, serve(s.T, config), orderly)
		})
	}
	ss.play("the secret decides", func(s *scene) {
		s.needsOwn()
		b := s.join("Bo")
		s.at = serve(s.T, ownConfig()) // which draws a secret of its own
		b.connect(s.via)
		s.isRefused(b.tryJoin(fields{"resume": b.resume(), "seq": 0}))
	})
}

// restart moves two peers to a new server; the second one comes first.
func restart(s *scene, next *target, orderly bool) {
	s.Helper()
	a, b := s.pair()
	a.sendAcked(b, `"lost"`)
	b.message(a, `"lost"`) // so his stream is open: one that opens while the server goes down gets only the end
	oldA, oldB := a.peer(), b.peer()
	if orderly {
		if err := s.at.own.Close(s.Context()); err != nil {
			s.failf("the server does not end: %v", err)
		}
		for _, p := range []*peer{a, b} {
			closing := p.replyOf("closing", 0)
			if after := closing.num("after"); after < 0 || after > 60 {
				s.failf("the notice is %v", closing)
			}
			p.closed(1001, 1012)
		}
		if len(a.link.inbox().events) != 0 {
			s.failf("the server goes down, and Ann hears %v", <-a.link.inbox().events)
		}
	} else {
		a.cut()
		b.cut()
	}
	s.at = next
	b.rejoin()
	a.rejoin()
	same(s, "Bo's peer id", b.peer(), oldB)
	same(s, "Ann's peer id", a.peer(), oldA)
	if a.joined.truth("resumed") || b.joined.truth("resumed") {
		s.failf("a new server cannot know what the old one kept, and says resumed true")
	}
	same(s, "polite of the first one, who came back last", a.joined.peers()[0].Polite, false)
	f := b.about("other_joined", oldA)
	same(s, "polite towards the first one", f.truth("polite"), true)
	same(s, "the first event's seq", f.seq(), 1)
	same(s, "the first request's id", a.sendAcked(b, "1"), 1)
	b.message(a, "1")
	if !slices.Equal([]string{a.joined.peers()[0].Name}, []string{"Bo"}) {
		s.failf("the name is lost: %v", a.joined)
	}
}
