package conformance

import (
	"fmt"
	"sync"
	"testing"
)

func TestRule01Joining(t *testing.T) {
	ss := newScenes(t, "rule 1 (joining is atomic)")
	ss.both("full", func(s *scene) {
		all := s.fill(0)
		late := s.dial("Late")
		full := late.tryJoin(nil)
		if full.kind() != "full" || full.str("room") != s.room || int(full.num("capacity")) != len(all) {
			s.failf("the room has %d seats, all taken; one more joins and gets %v", len(all), full)
		}
		last := all[len(all)-1]
		last.get("left", "leave", nil)
		all[0].about("bye", last.peer())
		joined := late.join(nil)
		same(s, "the number of others", len(joined.peers()), len(all)-1)
		all[0].about("other_joined", late.peer())
	})
	ss.play("race for the last seat", func(s *scene) {
		s.fill(1)
		const racers = 6
		var all []*peer
		for i := range racers {
			all = append(all, s.dial(fmt.Sprintf("Racer%d", i)))
		}
		for range 5 {
			race(s, all)
		}
	})
	ss.both("what joined says", func(s *scene) {
		a := s.join("Ann")
		same(s, "room", a.joined.str("room"), s.room)
		same(s, "resumed", a.joined.truth("resumed"), false)
		same(s, "the number of others", len(a.joined.peers()), 0)
		b := s.join("Bo")
		others := b.joined.peers()
		if len(others) != 1 || others[0].Peer != a.peer() || others[0].Name != "Ann" || others[0].Away {
			s.failf("Bo joins Ann and gets %v", b.joined)
		}
		same(s, "the name", a.about("other_joined", b.peer()).str("name"), "Bo")
		if a.peer() == b.peer() || a.resume() == b.resume() {
			s.failf("Ann and Bo have the same peer id or resume token")
		}
	})
	ss.both("states", func(s *scene) {
		a := s.dial("Ann")
		for kind, f := range map[string]fields{
			"message": {"data": 1}, "ice": nil, "leave": nil, "report": {"event": "connected"},
		} {
			a.refused("not_joined", kind, f)
		}
		a.get("pong", "ping", nil)
		a.join(nil)
		s.isError(a.tryJoin(nil), "already_joined")
		a.get("left", "leave", nil)
		if s.via == viaSocket { // a session over HTTP ends with its seat
			a.join(nil)
		}
	})
	ss.both("two rooms are two rooms", func(s *scene) {
		a := s.join("Ann")
		c := s.dial("Cy")
		c.join(fields{"room": s.newRoom("other")})
		same(s, "the number of others in another room", len(c.joined.peers()), 0)
		c.refused("no_such_peer", "message", fields{"to": a.peer(), "data": 1})
		c.refused("alone", "message", fields{"data": 1})
		b := s.join("Bo")
		a.about("other_joined", b.peer())
	})
}

// race lets all peers join at once for one seat, and gives the seat back.
func race(s *scene, all []*peer) {
	s.Helper()
	var ready, sent sync.WaitGroup
	ready.Add(1)
	faults := make([]error, len(all))
	for i, p := range all {
		f := fields{"room": s.room, "name": p.name}
		if s.at.token != "" {
			f["token"] = s.at.token
		}
		text := f.text("join")
		sent.Go(func() {
			ready.Wait()
			faults[i] = p.link.send(text)
		})
	}
	ready.Done()
	sent.Wait()
	var winners []*peer
	for i, p := range all {
		if faults[i] != nil {
			s.failf("%s joins: %v", p.name, faults[i])
		}
		switch f := p.reply(); f.kind() {
		case "joined":
			p.joined, p.id, p.seq = f, 0, 0
			winners = append(winners, p)
		case "full":
		default:
			s.failf("%s joins a room that may be full and gets %v", p.name, f)
		}
	}
	if len(winners) != 1 {
		s.failf("%d joins race for one seat, and %d get it", len(all), len(winners))
	}
	winners[0].get("left", "leave", nil)
}

func TestRule02WhoOffers(t *testing.T) {
	ss := newScenes(t, "rule 2 (who offers)")
	ss.both("the first one is impolite", func(s *scene) {
		a := s.join("Ann")
		b := s.join("Bo")
		same(s, "polite in other_joined", a.about("other_joined", b.peer()).truth("polite"), false)
		same(s, "polite in the newcomer's peers", b.joined.peers()[0].Polite, true)
	})
	ss.both("order of seats", func(s *scene) {
		all := s.fill(0)
		last := all[len(all)-1]
		for i, o := range last.joined.peers() {
			if o.Peer != all[i].peer() || !o.Polite {
				s.failf("the last one gets %v, want the others in the order of their seats, polite towards each", last.joined)
			}
		}
	})
	ss.both("a seat that was left loses its place", func(s *scene) {
		a, b := s.pair()
		a.get("left", "leave", nil)
		b.about("bye", a.peer())
		a = s.join("Ann again")
		same(s, "polite of who left and joined again", a.joined.peers()[0].Polite, true)
		same(s, "polite of who stayed", b.about("other_joined", a.peer()).truth("polite"), false)
	})
	ss.both("roles stay over resume", func(s *scene) {
		a, b := s.pair()
		a.needsHeld()
		a.cut()
		b.about("away", a.peer())
		a.resumed()
		same(s, "polite of the first one, who came back", a.joined.peers()[0].Polite, false)
		b.about("back", a.peer())
		b.cut()
		a.about("away", b.peer())
		b.resumed()
		same(s, "polite of the second one, who came back", b.joined.peers()[0].Polite, true)
	})
}

func TestRule10EmptyRoom(t *testing.T) {
	ss := newScenes(t, "rule 10 (an empty room is gone)")
	ss.both("after both left", func(s *scene) {
		a, b := s.pair()
		a.sendAcked(b, `"of the first life"`)
		a.get("left", "leave", nil)
		b.event("message")
		b.event("bye")
		b.get("left", "leave", nil)
		s.isGone()
		c := s.join("Cy")
		same(s, "the number of others", len(c.joined.peers()), 0)
		d := s.join("Di")
		same(s, "the first event's seq", c.event("other_joined").seq(), 1)
		s.nothingElse(c, d)
	})
	ss.clock("after the grace", func(s *scene) {
		a, b := s.pair()
		a.needsHeld()
		grace := a.needsGrace()
		watch := s.dial("Watch")
		watch.extra = grace
		b.cut()
		a.about("away", b.peer())
		a.about("bye", b.peer())
		a.get("left", "leave", nil)
		s.isGone()
		same(s, "the number of others", len(s.join("Cy").joined.peers()), 0)
	})
}

// isGone asks a server of our own whether it knows the scene's room.
func (s *scene) isGone() {
	s.Helper()
	if s.at.own == nil {
		return
	}
	for _, room := range s.at.own.Rooms() {
		if room.Name == s.room {
			s.failf("nobody is in the room, and the server keeps %+v", room)
		}
	}
}
