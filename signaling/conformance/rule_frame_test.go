package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestRule11BadFrames(t *testing.T) {
	ss := newScenes(t, "rule 11 (a bad frame gets an answer)")
	ss.both("the invalid samples", func(s *scene) {
		text, err := os.ReadFile("../protocol/testdata/invalid.json")
		if err != nil {
			s.Fatal(err)
		}
		var samples []struct{ About, Text, Code string }
		if err := json.Unmarshal(text, &samples); err != nil {
			s.Fatal(err)
		}
		a := s.dial("Ann")
		bad := 0
		for _, sample := range samples {
			if sample.Code == "bad_frame" {
				if bad++; bad%8 == 0 { // before it is one too many
					a.cut()
					a = s.dial("Ann")
				}
			}
			a.write(sample.Text)
			f := a.reply()
			if f.kind() != "error" || f.str("code") != sample.Code {
				s.failf("%s: %s is answered with %v, want the error %q", sample.About, sample.Text, f, sample.Code)
			}
			if sample.Code == "bad_frame" && f.has("id") {
				s.failf("%s: %v answers a request, though there is none", sample.About, f)
			}
		}
		a.get("pong", "ping", nil)
	})
	ss.play("no text", func(s *scene) {
		a := s.join("Ann")
		for _, write := range []func() error{
			func() error { return a.ws().write(opBinary, []byte(`{"type":"ping","id":1}`)) },
			func() error { return a.ws().write(opText, []byte("{\"type\":\"ping\",\"x\":\"\xff\xfe\"}")) },
			func() error { return a.ws().write(opText, []byte("{\"type\":\"ping\",\"x\":\"\xed\xa0\x80\"}")) },
		} {
			if err := write(); err != nil {
				s.failf("%v", err)
			}
			s.isError(a.replyOf("error", 0), "bad_frame")
		}
		a.get("pong", "ping", nil)
	})
	ss.both("seven are forgiven, eight are not", func(s *scene) {
		a, b := s.pair()
		for range 7 {
			b.write(`{"type":`)
			s.isError(b.replyOf("error", 0), "bad_frame")
		}
		b.get("pong", "ping", nil)
		s.nothingElse(a, b)
		b.write(`{"type":`)
		s.isError(b.replyOf("error", 0), "bad_frame")
		b.closed(1008)
		same(s, "reason", a.about("bye", b.peer()).str("reason"), "kicked")
		late := s.dial("Late")
		s.isRefused(late.tryJoin(fields{"resume": b.resume(), "seq": b.seq}))
	})
	ss.both("a bad request is no bad frame", func(s *scene) {
		a, b := s.pair()
		for range 20 {
			b.refused("bad_request", "dance", nil)
		}
		s.nothingElse(a, b)
	})
	ss.play("too large", func(s *scene) {
		a, b := s.pair()
		b.needsHeld()
		// The limit is a setting; a server without any is not to be found out here.
		text := fields{"to": a.peer(), "data": strings.Repeat("x", 16<<20)}.text("message")
		_ = b.link.send(text) // the server need not read it all
		if f, ok := b.next(b.link.inbox().replies); ok {
			s.isError(f, "too_large")
			same(s, "whether it has an id", f.has("id"), false)
		}
		b.closed(1009, closeAbnormal)
		a.about("away", b.peer())
		b.resumed()
		a.about("back", b.peer())
		s.nothingElse(b, a)
	})
	ss.play("as large as may be", func(s *scene) {
		a, b := s.pair()
		data := `"` + strings.Repeat("x", 64<<10-len(fields{"id": 1, "to": b.peer(), "data": ""}.text("message"))) + `"`
		a.sendAcked(b, data)
		b.message(a, data)
	})
}

func TestFrames(t *testing.T) {
	ss := newScenes(t, "frames")
	ss.both("data goes byte for byte", func(s *scene) {
		a, b := s.pair()
		for _, data := range opaque() {
			a.id++
			a.write(`{"type":"message","id":` + itoa(a.id) + `,"data":` + data + `,"to":"` + b.peer() + `"}`)
			a.replyOf("ack", a.id)
			b.message(a, data)
		}
	})
	ss.both("line breaks in data", func(s *scene) {
		a, b := s.pair()
		a.id = 1
		a.write("\t{ \"data\" : [ 1 ,\r\n2\n,\r3 ] ,\"to\" :\"" + b.peer() + "\",\"id\":1\n, \"type\":\"mess\\u0061ge\" } ")
		a.replyOf("ack", 1)
		if s.via == viaSocket {
			b.message(a, "[ 1 ,\r\n2\n,\r3 ]")
			return
		}
		// A line of Server-Sent Events cannot have them; their place may be
		// taken by other white space.
		var got bytes.Buffer
		if err := json.Compact(&got, b.event("message").fields["data"]); err != nil || got.String() != "[1,2,3]" {
			s.failf("data with line breaks comes as %s (%v)", got.String(), err)
		}
	})
	ss.both("unknown fields", func(s *scene) {
		a := s.join("Ann")
		a.get("pong", "ping", fields{"unheard": []int{1}, "data": nil, "Type": "leave", "ID": 9})
		a.write(`{"type":"ping","id":null,"seq":null}`)
		a.replyOf("pong", 0)
	})
	ss.both("ids", func(s *scene) {
		a := s.join("Ann")
		a.write(`{"type":"ping"}`)
		a.replyOf("pong", 0)
		a.write(`{"type":"ping","id":9007199254740991}`)
		a.replyOf("pong", 9007199254740991)
	})
	ss.both("ice", func(s *scene) {
		a := s.join("Ann")
		f := a.get("ice", "ice", nil)
		same(s, "the number of servers, in joined and asked for",
			len(field[[]json.RawMessage](f, "iceServers")), len(field[[]json.RawMessage](a.joined, "iceServers")))
	})
	ss.both("report", func(s *scene) {
		a := s.join("Ann")
		ack := a.get("ack", "report", fields{"event": "connected", "data": map[string]any{"path": "direct"}})
		same(s, "whether the ack of a report has to", ack.has("to"), false)
		a.get("ack", "report", fields{"event": "connected"})
		a.refused("bad_request", "report", fields{"event": strings.Repeat("e", 65)})
		a.refused("bad_request", "report", fields{"event": "two\nlines"})
	})
	ss.both("leave", func(s *scene) {
		a, b := s.pair()
		b.get("left", "leave", nil)
		same(s, "reason", a.about("bye", b.peer()).str("reason"), "left")
	})
}

// opaque returns JSON values that a server might be tempted to write anew.
func opaque() []string {
	return []string{
		`null`, `true`, `0`, `-0.0`, `1e400`, `12345678901234567890123`, `1.10`, `""`, `[]`, `{}`,
		`{"a":1,"a":2}`, `{ "b" : [ 1,2 , 3 ] , "a" : null }`, `"\u0041\/\u2028é茶😀"`, `"<script>&amp;"`, `"\ud800"`,
		"[\t1 ]", `{"type":"leave","id":1}`, `"` + "\u2028\u2029\u007f" + `"`, strings.Repeat("[", 200) + strings.Repeat("]", 200),
	}
}

func TestNames(t *testing.T) {
	ss := newScenes(t, "limits (names)")
	ss.play("rooms", func(s *scene) {
		a := s.dial("Ann")
		for _, room := range []string{"", "two words", "a/b", "a\nb", "<b>", "a?b", strings.Repeat("r", 65), "\u202eabc"} {
			s.isError(a.tryJoin(fields{"room": room}), "bad_request")
		}
		unique := s.newRoom("")
		for _, room := range []string{"茶室-" + unique, "комната_" + unique, "चाय." + unique, unique + strings.Repeat("r", 64-len(unique))} {
			p := s.dial("Ann")
			p.join(fields{"room": room})
			same(s, "room", p.joined.str("room"), room)
		}
	})
	ss.play("rooms are compared in NFC", func(s *scene) {
		unique := s.newRoom("")
		a, b := s.dial("Ann"), s.dial("Bo")
		a.join(fields{"room": unique + "-caf\u00e9"})
		b.join(fields{"room": unique + "-cafe\u0301"})
		same(s, "room", b.joined.str("room"), unique+"-caf\u00e9")
		a.about("other_joined", b.peer())
		c := s.dial("Cy")
		c.join(fields{"room": strings.ToUpper(unique) + "-caf\u00e9"})
		same(s, "the number of others in a room whose name is in capitals", len(c.joined.peers()), 0)
	})
	ss.play("peers", func(s *scene) {
		a := s.dial("Ann")
		s.isError(a.tryJoin(fields{"name": strings.Repeat("n", 65)}), "bad_request")
		s.isError(a.tryJoin(fields{"name": "a\x00b"}), "bad_request")
		name := strings.Repeat("名", 64)
		a.join(fields{"name": name})
		same(s, "the name", s.join("Bo").joined.peers()[0].Name, name)
	})
}
