package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// open tries an opening handshake and returns its status and response header.
func (s *scene) shake(header http.Header) (int, http.Header) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), *patienceFlag)
	defer cancel()
	w, response, err := s.at.dialSocket(ctx, handshake{header: header})
	switch {
	case err == nil:
		w.cut()
	case !errors.Is(err, errRefused):
		s.failf("%v", err)
	}
	response.Body.Close()
	return response.StatusCode, response.Header
}

func TestTransportWebSocket(t *testing.T) {
	ss := newScenes(t, "transport (WebSocket)")
	const protocol = "Sec-Websocket-Protocol"
	ss.play("subprotocol", func(s *scene) {
		for _, c := range []struct {
			offered  []string
			status   int
			selected string
		}{
			{nil, 101, ""},
			{[]string{"callbox.v1"}, 101, "callbox.v1"},
			{[]string{"callbox.v9, callbox.v1"}, 101, "callbox.v1"},
			{[]string{"callbox.v9", "callbox.v1"}, 101, "callbox.v1"},
			{[]string{"callbox.v9"}, 400, ""},
		} {
			header := http.Header{}
			if c.offered != nil {
				header[protocol] = c.offered
			}
			status, response := s.shake(header)
			if status != c.status || response.Get(protocol) != c.selected {
				s.failf("offered %q, the server answers %d and selects %q; want %d and %q", c.offered, status, response.Get(protocol), c.status, c.selected)
			}
		}
	})
	ss.play("no compression", func(s *scene) {
		status, header := s.shake(http.Header{"Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"}})
		if got := header.Get("Sec-Websocket-Extensions"); status != 101 || got != "" {
			s.failf("the server answers %d with the extensions %q, want 101 and none", status, got)
		}
	})
	ss.play("origin", func(s *scene) {
		for origin, want := range map[string]int{
			"": 101, s.at.base.Scheme + "://" + s.at.base.Host: 101, "https://conformance.invalid": 403, "null": 403,
			s.at.base.Scheme + "://" + s.at.base.Host + ".conformance.invalid": 403,
		} {
			header := http.Header{}
			if origin != "" {
				header.Set("Origin", origin)
			}
			if status, _ := s.shake(header); status != want {
				s.failf("a page of %q is answered with %d, want %d", origin, status, want)
			}
		}
	})
	ss.play("control frames", func(s *scene) {
		a := s.join("Ann")
		if err := a.ws().write(opPing, []byte("hello")); err != nil {
			s.failf("%v", err)
		}
		select {
		case <-a.ws().pongs:
		case <-time.After(*patienceFlag):
			s.failf("a WebSocket ping has no pong (RFC 6455, section 5.5.2)")
		}
	})
	ss.play("parts of a message", func(s *scene) {
		a := s.join("Ann")
		text := `{"type":"ping","id":1,"x":"é"}`
		cut := strings.Index(text, "é") + 1 // within a character
		parts := append(maskedFrame(opText, []byte(text[:cut])), maskedFrame(0x80|opPing, nil)...)
		parts = append(parts, maskedFrame(opContinuation, nil)...)
		parts = append(parts, maskedFrame(0x80|opContinuation, []byte(text[cut:]))...)
		for _, b := range parts { // byte by byte
			if err := a.ws().writeBytes([]byte{b}); err != nil {
				s.failf("%v", err)
			}
		}
		a.replyOf("pong", 1)
	})
	ss.play("many frames in one write", func(s *scene) {
		a, b := s.pair()
		var all []byte
		for i := range int64(30) {
			all = append(all, maskedFrame(0x80|opText, []byte(fields{"id": i + 1, "to": b.peer(), "data": i}.text("message")))...)
		}
		if err := a.ws().writeBytes(all); err != nil {
			s.failf("%v", err)
		}
		for i := range int64(30) {
			a.replyOf("ack", i+1)
			b.message(a, itoa(i))
		}
	})
	ss.play("a frame without a mask", func(s *scene) {
		a := s.join("Ann")
		if err := a.ws().writeBytes([]byte{0x81, 2, '{', '}'}); err != nil {
			s.failf("%v", err)
		}
		a.closed(1002, closeAbnormal)
	})
	ss.play("a close is answered", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		if err := b.ws().write(opClose, []byte{0x03, 0xe8}); err != nil {
			s.failf("%v", err)
		}
		b.closed(1000)
		a.about("away", b.peer()) // only leave gives a seat up
		b.resumed()
	})
}

func TestTransportRooms(t *testing.T) {
	ss := newScenes(t, "POST /api/v1/rooms")
	ss.play("makes names", func(s *scene) {
		names := map[string]bool{}
		for range 3 {
			a, err := s.at.call(http.MethodPost, "/api/v1/rooms", "", "", nil)
			var made struct{ Room string }
			if err != nil || a.status != http.StatusCreated || json.Unmarshal([]byte(a.body), &made) != nil {
				s.failf(`got %v (%v), want 201 and {"room":"…"}`, a, err)
			}
			if names[made.Room] || len(made.Room) < 10 {
				s.failf("the name %q can be guessed", made.Room)
			}
			names[made.Room] = true
			s.dial("Ann").join(fields{"room": made.Room})
		}
	})
	ss.play("origin", func(s *scene) {
		for origin, want := range map[string]int{s.at.base.Scheme + "://" + s.at.base.Host: 201, "https://conformance.invalid": 403, "null": 403} {
			a, err := s.at.call(http.MethodPost, "/api/v1/rooms", "", "", http.Header{"Origin": {origin}})
			if err != nil || a.status != want {
				s.failf("a page of %q gets %v (%v), want %d", origin, a, err, want)
			}
			if got := a.header.Get("Access-Control-Allow-Origin"); (got == origin) != (want == 201) {
				s.failf("a page of %q is told Access-Control-Allow-Origin: %q", origin, got)
			}
		}
	})
}
