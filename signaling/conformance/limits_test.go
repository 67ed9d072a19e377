package conformance

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"callbox/signaling"
)

func TestLimits(t *testing.T) {
	ss := newScenes(t, "limits")
	ss.play("frames of a connection", func(s *scene) {
		a, b := s.pair()
		const flood = 1000
		go func() { // ends by itself, or with the connection
			for range flood {
				if a.link.send(`{"type":"ping"}`) != nil {
					return
				}
			}
		}()
		limited := 0
		for range flood {
			f := a.reply()
			if f.kind() == "pong" {
				continue
			}
			s.isError(f, "rate_limited")
			same(s, "retry", f.truth("retry"), true)
			if after := f.num("after"); after <= 0 || after > 10 {
				s.failf("after in %v is not a part of a second, or some", f)
			}
			limited++
		}
		if limited == 0 || limited == flood {
			s.failf("of %d frames at once %d are refused", flood, limited)
		}
		s.nothingElse(b, a) // nobody else pays for it
		a.get("pong", "ping", nil)
	})
	ss.play("time to join", func(s *scene) {
		s.joinSoon()
		a := s.dial("Ann")
		a.get("pong", "ping", nil)
		a.extra = 10 * time.Second
		select {
		case <-a.link.inbox().ended:
		case <-time.After(15*time.Second + *patienceFlag):
		}
		a.closed(1008)
	})
	ss.play("time to join after leave", func(s *scene) {
		s.joinSoon()
		a := s.join("Ann")
		a.get("left", "leave", nil)
		select {
		case <-a.link.inbox().ended:
		case <-time.After(15*time.Second + *patienceFlag):
		}
		a.closed(1000)
	})
	ss.play("joins from an address", func(s *scene) {
		s.needsOwn()
		config := ownConfig()
		config.Limits.JoinsPerSecond, config.Limits.JoinBurst = 1, 3
		s.at = serve(s.T, config)
		last := s.join("Ann")
		var late []*peer
		for range 20 {
			late = append(late, s.dial("Late"))
		}
		for _, p := range late {
			p.write(fields{"room": s.newRoom("other"), "id": 1}.text("join"))
		}
		refused := 0
		for _, p := range late {
			if f := p.reply(); f.kind() != "joined" {
				s.isError(f, "rate_limited")
				refused++
			}
		}
		if refused == 0 {
			s.failf("one join a second is allowed, three at once, and 20 at once come through")
		}
		last.resumed() // which a signed token is exempt from
		s.reload("Ann", last.resume())
	})
	ss.play("connections from an address", func(s *scene) {
		s.needsOwn()
		config := ownConfig()
		config.Limits.Connections = 3
		s.at = serve(s.T, config)
		var all []*peer
		for range 3 {
			all = append(all, s.join("Ann"))
		}
		ctx, cancel := context.WithTimeout(s.Context(), *patienceFlag)
		defer cancel()
		_, response, err := s.at.dialSocket(ctx, handshake{})
		if !errors.Is(err, errRefused) || response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
			s.failf("one connection too many gets %v (%v), want 429 with Retry-After", response, err)
		}
		response.Body.Close()
		all[0].get("pong", "ping", nil)
	})
}

// joinSoon goes on with a server of our own that waits for joins less long.
func (s *scene) joinSoon() {
	s.Helper()
	if s.at.own != nil {
		config := ownConfig()
		config.Limits.JoinWithin = 4 * time.Second
		s.at = serve(s.T, config)
	}
}

func TestWhoMayJoin(t *testing.T) {
	ss := newScenes(t, "who may join")
	ss.both("token", func(s *scene) {
		if s.at.own != nil {
			config := streamConfig()
			config.Authorize = func(token, _ string) (signaling.Grant, error) {
				switch {
				case token != "let me in" && token != "let Ann in":
					return signaling.Grant{}, errors.New("not this one")
				case token == "let Ann in":
					return signaling.Grant{Name: "Ann of the token"}, nil
				default:
					return signaling.Grant{}, nil
				}
			}
			s.at = serve(s.T, config)
			s.at.token = "let me in"
		}
		s.needs(s.at.token != "", "this server is open; give -token for one that is not")
		a := s.dial("Ann")
		s.isRefused(a.tryJoin(fields{"token": nil}))
		s.isRefused(a.tryJoin(fields{"token": "x" + s.at.token}))
		a.join(nil)
		b := s.join("Bo")
		a.about("other_joined", b.peer())
		a.needsHeld()
		// Neither resume nor replace needs the token.
		b.cut()
		a.about("away", b.peer())
		b.connect(s.via)
		same(s, "resumed without the token", b.join(fields{"resume": b.resume(), "seq": b.seq, "token": nil}).truth("resumed"), true)
		a.about("back", b.peer())
		page := s.dial("Bo")
		page.join(fields{"replace": b.resume(), "token": nil})
		a.about("bye", b.peer())
		a.about("other_joined", page.peer())
		// Of a seat that nobody holds, replace is a join.
		spare := page.resume()
		page.get("left", "leave", nil)
		a.about("bye", page.peer())
		late := s.dial("Late")
		s.isRefused(late.tryJoin(fields{"replace": spare, "token": nil}))
		late.join(fields{"replace": spare})
		a.about("other_joined", late.peer())
		late.get("left", "leave", nil)
		a.about("bye", late.peer())
		if s.at.own != nil {
			named := s.dial("Somebody")
			named.join(fields{"token": "let Ann in"})
			same(s, "the name that the token says", a.about("other_joined", named.peer()).str("name"), "Ann of the token")
		}
	})
	ss.play("many wrong tokens", func(s *scene) {
		s.needsOwn()
		s.at = serve(s.T, ownConfig())
		b := s.join("Bo")
		thief := s.dial("Thief")
		var last frame
		for range 11 {
			thief.id++
			thief.write(fields{"id": thief.id, "room": s.room, "resume": "x.y", "seq": 0}.text("join"))
			last = thief.reply()
		}
		s.isError(last, "rate_limited")
		if last.num("after") < 1 {
			s.failf("who guesses tokens is told to come back after %v", last)
		}
		b.resumed() // a good token is not counted
		s.join("Ann")
	})
}
