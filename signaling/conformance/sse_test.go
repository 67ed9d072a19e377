package conformance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// stream returns a new session over plain HTTP with its events.
func (s *scene) stream() *stream {
	s.Helper()
	st, err := s.at.newStream()
	if err == nil {
		err = st.listen("")
	}
	if err != nil {
		s.failf("%v", err)
	}
	s.Cleanup(st.cut)
	return st
}

// status fails unless an answer has that status.
func (s *scene) status(what string, a answer, err error, want int) {
	s.Helper()
	if err != nil || a.status != want {
		s.failf("%s is answered with %v (%v), want %d", what, a, err, want)
	}
}

func TestTransportEvents(t *testing.T) {
	ss := newScenes(t, "transport (Server-Sent Events and POST)")
	ss.play("secrets", func(s *scene) {
		first, second := s.stream(), s.stream()
		if first.secret == second.secret || len(first.secret) < 22 {
			s.failf("the secrets are %q and %q", first.secret, second.secret)
		}
		for _, secret := range []string{"", "wrong", first.secret + "x", strings.Repeat("A", len(first.secret))} {
			a, err := s.at.call(http.MethodPost, "/api/v1/frames", secret, `{"type":"ping","id":1}`, nil)
			s.status("a frame with the wrong secret", a, err, http.StatusUnauthorized)
			a, err = s.at.call(http.MethodGet, "/api/v1/events", secret, "", nil)
			s.status("a stream with the wrong secret", a, err, http.StatusUnauthorized)
			a, err = s.at.call(http.MethodDelete, "/api/v1/sessions", secret, "", nil)
			s.status("a leave with the wrong secret", a, err, http.StatusUnauthorized)
		}
		a, err := s.at.call(http.MethodPost, "/api/v1/frames?session="+first.secret+"&secret="+first.secret, "", `{"type":"ping","id":1}`, nil)
		s.status("a secret in the URL", a, err, http.StatusUnauthorized)
	})
	ss.play("status of frames", func(s *scene) {
		st := s.stream()
		a, err := st.post(fields{"id": 1}.text("ping"))
		s.status("a ping", a, err, http.StatusOK)
		a, err = st.post(fields{"seq": 0}.text("seen"))
		s.status("a seen", a, err, http.StatusNoContent)
		a, err = st.post(`{"type":`)
		s.status("a bad frame", a, err, http.StatusOK)
		a, err = st.post(fields{"x": strings.Repeat("x", 16<<20)}.text("ping"))
		if err == nil { // else the server closed before it read all
			s.status("a frame of 16 MiB", a, err, http.StatusRequestEntityTooLarge)
		}
		a, err = s.at.call(http.MethodGet, "/api/v1/frames", st.secret, "", nil)
		s.status("GET of frames", a, err, http.StatusMethodNotAllowed)
	})
	ss.play("headers", func(s *scene) {
		st, err := s.at.newStream()
		if err != nil {
			s.failf("%v", err)
		}
		response, err := s.at.open(s.Context(), http.MethodGet, "/api/v1/events", st.secret, "", nil)
		if err != nil {
			s.failf("%v", err)
		}
		defer response.Body.Close()
		if got := response.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") && !strings.Contains(got, "no-cache") {
			s.failf("Cache-Control of the events is %q", got)
		}
	})
	ss.play("origin", func(s *scene) {
		for _, origin := range []string{"https://conformance.invalid", "null"} {
			a, err := s.at.call(http.MethodPost, "/api/v1/sessions", "", "", http.Header{"Origin": {origin}})
			s.status("a page of "+origin, a, err, http.StatusForbidden)
		}
	})
	ss.play("preflight", func(s *scene) {
		own := s.at.base.Scheme + "://" + s.at.base.Host
		for _, path := range []string{"/api/v1/sessions", "/api/v1/events", "/api/v1/frames"} {
			header := http.Header{
				"Origin": {own}, "Access-Control-Request-Method": {http.MethodPost},
				"Access-Control-Request-Headers": {"authorization,content-type,last-event-id"},
			}
			a, err := s.at.call(http.MethodOptions, path, "", "", header)
			allowed := strings.ToLower(a.header.Get("Access-Control-Allow-Headers"))
			if err != nil || a.status/100 != 2 || a.header.Get("Access-Control-Allow-Origin") != own ||
				!strings.Contains(allowed, "authorization") || !strings.Contains(allowed, "last-event-id") {
				s.failf("the preflight of %s gets %v with %v (%v)", path, a, a.header, err)
			}
			header.Set("Origin", "https://conformance.invalid")
			a, err = s.at.call(http.MethodOptions, path, "", "", header)
			s.status("the preflight of a foreign page", a, err, http.StatusForbidden)
		}
	})
	ss.clock("something comes with each ping interval", func(s *scene) {
		s.via = viaStream
		a := s.join("Ann")
		ping := spanOf(a.joined.num("ping"))
		s.needs(ping > 0 && ping <= 20*time.Second, "this server pings hardly or not")
		a.cut()
		response, err := s.at.open(s.Context(), http.MethodGet, "/api/v1/events", a.link.(*stream).secret, "", nil)
		if err != nil {
			s.failf("%v", err)
		}
		defer response.Body.Close()
		lines := linesOf(s.Context(), response.Body)
		for comments := 0; comments < 3; { // the first may be the stream's opening
			select {
			case line, ok := <-lines:
				switch {
				case strings.HasPrefix(line, ":"):
					comments++
				case !ok || line != "":
					s.failf("a stream without events brings %q (open: %v), want a comment", line, ok)
				}
			case <-time.After(2*ping + *patienceFlag):
				s.failf("nothing came for %v", 2*ping)
			}
		}
	})
	ss.play("DELETE leaves", func(s *scene) {
		s.via = viaStream
		a, b := s.pair()
		st := b.link.(*stream)
		answer, err := s.at.call(http.MethodDelete, "/api/v1/sessions", st.secret, "", nil)
		if err != nil || answer.status/100 != 2 {
			s.failf("DELETE is answered with %v (%v)", answer, err)
		}
		same(s, "reason", a.about("bye", b.peer()).str("reason"), "left")
		answer, err = st.post(fields{"id": 9}.text("ping"))
		s.status("a frame after DELETE", answer, err, http.StatusUnauthorized)
	})
	ss.clock("a session that does not join ends", func(s *scene) {
		st := s.stream()
		select {
		case <-st.box.ended:
		case <-time.After(10*time.Second + *patienceFlag):
			s.failf("a session that never joined still has its events")
		}
		answer, err := st.post(fields{"id": 1}.text("ping"))
		s.status("a frame after that", answer, err, http.StatusUnauthorized)
	})
}

func TestTransportStreams(t *testing.T) {
	ss := newScenes(t, "transport (Server-Sent Events and POST)")
	ss.play("the newest stream wins", func(s *scene) {
		s.via = viaStream
		a, b := s.pair()
		old := b.link.(*stream)
		newer := &stream{at: s.at, secret: old.secret, box: newInbox()}
		if err := newer.listen(fmt.Sprint(b.seq)); err != nil {
			s.failf("%v", err)
		}
		s.Cleanup(newer.cut)
		select {
		case <-old.box.ended:
		case <-time.After(*patienceFlag):
			s.failf("the older stream goes on")
		}
		b.link = newer
		s.nothingElse(a, b)
		s.nothingElse(b, a) // which heard nothing of it
	})
	ss.play("Last-Event-ID", func(s *scene) {
		s.via = viaStream
		a, b := s.pair()
		a.sendAcked(b, "1")
		second, third := a.sendAcked(b, "2"), a.sendAcked(b, "3")
		b.message(a, "1")
		b.cut()
		again := &stream{at: s.at, secret: b.link.(*stream).secret, box: newInbox()}
		if err := again.listen(fmt.Sprint(b.seq)); err != nil {
			s.failf("%v", err)
		}
		s.Cleanup(again.cut)
		b.link = again
		b.message(a, "2")
		b.message(a, "3")
		b.get("left", "leave", nil)
		same(s, "undelivered after Last-Event-ID 1", a.nextBye().undelivered(), ids(second, third))
	})
	for _, to := range []string{viaStream, viaSocket} {
		ss.play("a session moves to "+to, func(s *scene) {
			s.via = map[string]string{viaStream: viaSocket, viaSocket: viaStream}[to]
			a, b := s.pair()
			b.needsHeld()
			a.sendAcked(b, "1")
			a.sendAcked(b, "2")
			b.message(a, "1")
			old, peerID := *b, b.peer()
			joined := b.rejoinOver(to)
			if joined.str("peer") != peerID || !joined.truth("resumed") {
				s.failf("a session moves and gets %v, want its seat with resumed true", joined)
			}
			old.closed(4001)
			b.message(a, "2")
			s.nothingElse(b, a)
			s.nothingElse(a, b)
		})
	}
	ss.play("both kinds meet", func(s *scene) {
		a := s.join("Ann")
		s.via = viaStream
		b := s.join("Bo")
		a.about("other_joined", b.peer())
		s.nothingElse(a, b)
		s.nothingElse(b, a)
	})
}

// linesOf reads until the end of the body or the context.
func linesOf(ctx context.Context, body io.Reader) <-chan string {
	lines := make(chan string)
	go func() { // ends with the body, which the caller closes
		defer close(lines)
		for scan := bufio.NewScanner(body); scan.Scan(); {
			select {
			case lines <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// nextBye returns the next bye, whoever went and came back before it.
func (p *peer) nextBye() frame {
	p.s.Helper()
	for {
		f, ok := p.next(p.link.inbox().events)
		if !ok {
			p.s.failf("%s got no bye%s", p.name, p.ending())
		}
		if f.kind() == "bye" {
			return f
		}
		if f.kind() != "away" && f.kind() != "back" {
			p.s.failf("%s gets %v, want a bye", p.name, f)
		}
	}
}

func TestRule09Streams(t *testing.T) {
	ss := newScenes(t, "rule 9 (a dead connection is found: no stream)")
	ss.clock("without a stream", func(s *scene) {
		s.via = viaStream
		a, b := s.pair()
		b.needsHeld()
		ping := spanOf(a.joined.num("ping"))
		s.needs(ping > 0 && ping <= time.Minute, "this server pings hardly or not")
		s.needs(b.joined.num("grace") > b.joined.num("ping"), "the grace of this server ends before a stream is missed")
		a.extra = 2 * ping
		b.cut()
		a.about("away", b.peer())
		a.sendAcked(b, `"kept"`)
		b.resumed()
		b.message(a, `"kept"`)
		same(s, "resumed in back", a.about("back", b.peer()).truth("resumed"), true)
		s.nothingElse(b, a)
	})
}
