package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// reload joins as a page does that was reloaded: with the old page's token.
func (s *scene) reload(name, token string) *peer {
	s.Helper()
	p := s.dial(name)
	p.join(fields{"replace": token})
	return p
}

func TestRule06Replace(t *testing.T) {
	ss := newScenes(t, "rule 6 (a reloaded page never meets its own ghost)")
	ss.both("of a living page", func(s *scene) {
		a, b := s.pair()
		again := s.reload("Bo", b.resume())
		if again.peer() == b.peer() || again.joined.truth("resumed") {
			s.failf("a reloaded page gets %v, want a new peer id and resumed false", again.joined)
		}
		same(s, "the number of others", len(again.joined.peers()), 1)
		same(s, "polite of the reloaded page", again.joined.peers()[0].Polite, true)
		same(s, "reason", a.about("bye", b.peer()).str("reason"), "replaced")
		same(s, "polite in other_joined", a.about("other_joined", again.peer()).truth("polite"), false)
		b.closed(4001)
		s.nothingElse(again, a)
		s.nothingElse(a, again)
	})
	ss.both("goes to the end of the order", func(s *scene) {
		a, b := s.pair()
		again := s.reload("Ann", a.resume())
		same(s, "polite of the first one, reloaded", again.joined.peers()[0].Polite, true)
		b.about("bye", a.peer())
		same(s, "polite of who stayed", b.about("other_joined", again.peer()).truth("polite"), false)
	})
	ss.both("twice, the first answer lost", func(s *scene) {
		a, b := s.pair()
		first := s.reload("Bo", b.resume())
		a.about("bye", b.peer())
		a.about("other_joined", first.peer())
		second := s.reload("Bo", b.resume())
		same(s, "the number of others", len(second.joined.peers()), 1)
		same(s, "reason", a.about("bye", first.peer()).str("reason"), "replaced")
		a.about("other_joined", second.peer())
		first.closed(4001)
		third := s.reload("Bo", second.resume())
		a.about("bye", second.peer())
		a.about("other_joined", third.peer())
		fourth := s.reload("Bo", b.resume())
		a.about("bye", third.peer())
		a.about("other_joined", fourth.peer())
		s.nothingElse(fourth, a)
	})
	ss.both("the old seat is gone", func(s *scene) {
		a, b := s.pair()
		again := s.reload("Bo", b.resume())
		late := s.dial("Late")
		s.isRefused(late.tryJoin(fields{"resume": b.resume(), "seq": b.seq}))
		a.event("bye")
		a.event("other_joined")
		s.nothingElse(a, again)
	})
	ss.both("names what may be lost", func(s *scene) {
		a, b := s.pair()
		id := a.sendAcked(b, `"unconfirmed"`)
		s.reload("Bo", b.resume())
		same(s, "undelivered", a.about("bye", b.peer()).undelivered(), ids(id))
	})
	ss.both("of a page that is away", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		b.cut()
		a.about("away", b.peer())
		again := s.reload("Bo", b.resume())
		same(s, "reason", a.about("bye", b.peer()).str("reason"), "replaced")
		a.about("other_joined", again.peer())
	})
	ss.both("of a seat that was left", func(s *scene) {
		a, b := s.pair()
		b.get("left", "leave", nil)
		a.about("bye", b.peer())
		again := s.reload("Bo", b.resume())
		a.about("other_joined", again.peer())
		s.nothingElse(again, a)
	})
	ss.clock("of a seat that timed out", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		a.extra = b.needsGrace()
		b.cut()
		a.about("away", b.peer())
		a.about("bye", b.peer())
		again := s.reload("Bo", b.resume())
		if again.peer() == b.peer() {
			s.failf("replace gives the old peer id")
		}
		a.about("other_joined", again.peer())
	})
	ss.play("forged or of another room", func(s *scene) {
		a, b := s.pair()
		thief := s.dial("Thief")
		token := b.resume()
		last := len(token) - 8
		s.isRefused(thief.tryJoin(fields{"replace": token[:last] + string(otherLetter(token[last])) + token[last+1:]}))
		s.isRefused(thief.tryJoin(fields{"room": s.newRoom("other"), "replace": token}))
		s.nothingElse(a, b)
		s.nothingElse(b, a)
	})
}

func TestRule06FullRoom(t *testing.T) {
	ss := newScenes(t, "rule 6 (no seat is free while a page is replaced)")
	ss.play("others stay outside", func(s *scene) {
		all := s.fill(0)
		old := all[len(all)-1]
		racer := s.dial("Racer")
		join := fields{"room": s.room, "name": "Racer", "id": 1}
		if s.at.token != "" {
			join["token"] = s.at.token
		}
		for i := range 5 {
			page := s.dial(fmt.Sprintf("Page%d", i))
			done := make(chan error, 1)
			go func() { // ends by itself: a few writes
				var err error
				for range 6 {
					if err == nil {
						err = racer.link.send(join.text("join"))
					}
				}
				done <- err
			}()
			page.join(fields{"replace": old.resume()})
			if err := <-done; err != nil {
				s.failf("the racer cannot join: %v", err)
			}
			for range 6 {
				if f := racer.reply(); f.kind() != "full" && f.str("code") != "rate_limited" {
					s.failf("all seats are taken, one is being replaced, and a stranger who joins gets %v, want full", f)
				}
			}
			old = page
		}
	})
}

func TestRule06Nonce(t *testing.T) {
	ss := newScenes(t, "rule 6 (the same nonce is the same seat)")
	nonce := func(s *scene) string { return strings.TrimPrefix(s.newRoom("nonce"), *prefixFlag) }
	ss.both("a repeated join", func(s *scene) {
		watch := s.join("Watch")
		n := nonce(s)
		lost := s.dial("Bo")
		lost.join(fields{"nonce": n})
		watch.about("other_joined", lost.peer())
		again := s.dial("Bo")
		again.join(fields{"nonce": n})
		same(s, "the peer id of the repeated join", again.peer(), lost.peer())
		same(s, "resumed", again.joined.truth("resumed"), false)
		same(s, "the number of others", len(again.joined.peers()), 1)
		lost.closed(4001)
		same(s, "resumed in back", watch.about("back", again.peer()).truth("resumed"), false)
		s.nothingElse(watch, again)
		other := s.dial("Cy")
		if other.tryJoin(fields{"nonce": nonce(s)}); other.peer() == again.peer() {
			s.failf("two nonces are one seat")
		}
	})
	ss.both("in a full room", func(s *scene) {
		first := s.dial("First")
		n := nonce(s)
		first.join(fields{"nonce": n})
		capacity := int(first.joined.num("capacity"))
		s.needs(capacity > 0 && capacity <= 16, "rooms of this server have no or many seats")
		for range capacity - 1 {
			s.join("More")
		}
		again := s.dial("First")
		again.join(fields{"nonce": n})
		same(s, "the peer id of the repeated join", again.peer(), first.peer())
	})
	ss.both("in another room", func(s *scene) {
		n := nonce(s)
		a, b := s.dial("Ann"), s.dial("Bo")
		a.join(fields{"nonce": n})
		b.join(fields{"nonce": n, "room": s.newRoom("other")})
		if a.peer() == b.peer() {
			s.failf("the same nonce in two rooms is one seat")
		}
		a.get("pong", "ping", nil)
	})
	ss.play("that cannot be", func(s *scene) {
		a := s.dial("Ann")
		for _, bad := range []string{"two words", "é", strings.Repeat("n", 65)} {
			s.isError(a.tryJoin(fields{"nonce": bad}), "bad_request")
		}
		a.join(fields{"nonce": strings.Repeat("~", 64)})
	})
}

func TestRule07SameSeatTwice(t *testing.T) {
	ss := newScenes(t, "rule 7 (the same seat twice)")
	ss.both("the newer connection wins", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		a.sendAcked(b, "1")
		b.message(a, "1")
		a.sendAcked(b, "2")
		old := *b
		b.resumed()
		old.closed(4001)
		b.message(a, "2")
		s.nothingElse(b, a) // nobody was told anything
		s.nothingElse(a, b)
	})
	ss.both("again and again", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		for i := range int64(4) {
			old := *b
			b.resumed()
			old.closed(4001)
			b.sendAcked(a, itoa(i))
			a.message(b, itoa(i))
		}
	})
	ss.both("resume and replace at once", func(s *scene) {
		b := s.join("Bo")
		c := s.dial("Cy")
		s.isError(c.tryJoin(fields{"resume": b.resume(), "replace": b.resume()}), "bad_request")
		b.get("pong", "ping", nil)
	})
}
