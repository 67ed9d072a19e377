package signaling_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// httpPeer is a client over plain HTTP that does only what the test says.
type httpPeer struct {
	t      *testing.T
	server *testServer
	http   *http.Client
	secret string
}

func (s *testServer) httpPeer(t *testing.T) *httpPeer {
	t.Helper()
	transport := &http.Transport{DialContext: s.dialFunc}
	t.Cleanup(transport.CloseIdleConnections)
	p := &httpPeer{t: t, server: s, http: &http.Client{Transport: transport}}
	var session struct{ Session string }
	status, body := p.ask(http.MethodPost, "sessions", "")
	if err := json.Unmarshal([]byte(body), &session); err != nil || status != http.StatusCreated || len(session.Session) < 40 {
		t.Fatalf("POST sessions: %d %s", status, body)
	}
	p.secret = session.Session
	return p
}

func (p *httpPeer) request(ctx context.Context, method, path, body string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, p.server.url+"/api/v1/"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if p.secret != "" {
		r.Header.Set("Authorization", "Bearer "+p.secret)
	}
	return r
}

func (p *httpPeer) ask(method, path, body string) (status int, answer string) {
	p.t.Helper()
	response, err := p.http.Do(p.request(within(p.t), method, path, body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// post sends a frame, whose reply must be an F.
func post[F protocol.Frame](p *httpPeer, frame string) F {
	p.t.Helper()
	status, text := p.ask(http.MethodPost, "frames", frame)
	f, err := protocol.DecodeServerFrame([]byte(text))
	want, ok := f.(F)
	if err != nil || !ok || status != http.StatusOK && status != http.StatusTooManyRequests {
		p.t.Fatalf("%.100s was answered with %d %s, want a %T", frame, status, text, want)
	}
	return want
}

// httpStream is a stream of events as the client sees it.
type httpStream struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Reader
	cancel   context.CancelFunc
	pings    int
}

// stream opens a stream; lastEventID may be empty.
func (p *httpPeer) stream(lastEventID string) *httpStream {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	r := p.request(ctx, http.MethodGet, "events", "")
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := p.http.Do(r) //nolint:bodyclose // httpStream.close does
	if err != nil {
		p.t.Fatal(err)
	}
	s := &httpStream{t: p.t, response: response, lines: bufio.NewReader(response.Body), cancel: cancel}
	p.t.Cleanup(s.close)
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" ||
		response.Header.Get("X-Accel-Buffering") != "no" || response.Header.Get("Cache-Control") != "no-store" {
		p.t.Fatalf("stream: %d %v", response.StatusCode, response.Header)
	}
	return s
}

func (s *httpStream) close() {
	s.cancel()
	_ = s.response.Body.Close()
}

// next returns the next event's fields; ok is false at the end of the stream.
func (s *httpStream) next() (event, id, data string, ok bool) {
	var lines []string
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return "", "", "", false
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "":
			if line != "\n" {
				s.pings++
			} else if lines != nil {
				return event, id, strings.Join(lines, "\n"), true
			}
		case "event":
			event = value
		case "id":
			id = value
		case "data":
			lines = append(lines, value)
		default:
			s.t.Errorf("the stream says %q", line)
		}
	}
}

// awaitEvent returns the next event, which must be an F.
func awaitEvent[F protocol.Frame](s *httpStream) F {
	s.t.Helper()
	event, id, data, ok := s.next()
	f, err := protocol.DecodeServerFrame([]byte(data))
	want, is := f.(F)
	if !ok || event != "" || err != nil || !is {
		s.t.Fatalf("event %q, id %q, data %q (%v), want a %T", event, id, data, err, want)
	}
	if e, isEvent := f.(protocol.Event); isEvent && e.EventSeq() != 0 && id != strconv.FormatUint(e.EventSeq(), 10) {
		s.t.Fatalf("event %s has the id %q", data, id)
	}
	return want
}

// awaitClose reads on to the close, which must have that code.
func (s *httpStream) awaitClose(code int) {
	s.t.Helper()
	for {
		event, _, data, ok := s.next()
		if !ok {
			s.t.Fatal("the stream ended without a close")
		}
		if event != "close" {
			continue
		}
		var closed struct {
			Code   int
			Reason *string
		}
		if err := json.Unmarshal([]byte(data), &closed); err != nil || closed.Code != code || closed.Reason == nil {
			s.t.Fatalf("close %s, want %d", data, code)
		}
		if _, _, _, more := s.next(); more {
			s.t.Fatal("something follows the close")
		}
		return
	}
}

func TestCallOverHTTP(t *testing.T) {
	server := serve(t, defaultConfig())
	ann, bo := server.httpPeer(t), server.raw(t)
	events := ann.stream("")
	var seat, joined protocol.Joined
	t.Run("join", func(t *testing.T) {
		seat = post[protocol.Joined](ann, `{"type":"join","id":1,"room":"a","name":"Ann"}`)
		bo.send(`{"type":"join","id":1,"room":"a","name":"Bo"}`)
		joined = expect[protocol.Joined](bo)
		if len(joined.Peers) != 1 || joined.Peers[0].Peer != seat.Peer {
			t.Errorf("joined = %+v", joined)
		}
		if e := awaitEvent[protocol.OtherJoined](events); e.Peer != joined.Peer || e.Seq != 1 {
			t.Errorf("other_joined = %+v", e)
		}
	})
	t.Run("messages", func(t *testing.T) {
		if ack := post[protocol.Ack](ann, `{"type":"message","id":2,"data":"from Ann"}`); len(ack.To) != 1 {
			t.Errorf("ack = %+v", ack)
		}
		if e := expect[protocol.MessageEvent](bo); string(e.Data) != `"from Ann"` {
			t.Errorf("message = %+v", e)
		}
		bo.send("{\"type\":\"message\",\"id\":2,\"data\":{\n\"broken\":\r\n\"lines\"}}")
		expect[protocol.Ack](bo)
		if e := awaitEvent[protocol.MessageEvent](events); string(e.Data) != "{\n\"broken\":\n\n\"lines\"}" {
			t.Errorf("message = %q", e.Data)
		}
	})
	t.Run("other requests", func(t *testing.T) {
		if status, text := ann.ask(http.MethodPost, "frames", `{"type":"seen","seq":2}`); status != http.StatusNoContent || text != "" {
			t.Errorf("a frame without a reply: %d %q", status, text)
		}
		post[protocol.Pong](ann, `{"type":"ping","id":3,"seq":2}`)
		post[protocol.Ack](ann, `{"type":"report","id":4,"event":"test","data":1}`)
		post[protocol.ICEReply](ann, `{"type":"ice","id":5}`)
		if fault := post[protocol.Error](ann, `nonsense`); fault.Code != protocol.CodeBadFrame {
			t.Errorf("error = %+v", fault)
		}
		if s := server.Snapshot(); s.Transports["sse"] != 1 || s.Transports["websocket"] != 1 {
			t.Errorf("transports = %v", s.Transports)
		}
	})
	t.Run("leave", func(t *testing.T) {
		if status, _ := ann.ask(http.MethodDelete, "sessions", ""); status != http.StatusNoContent {
			t.Errorf("DELETE: %d", status)
		}
		if e := expect[protocol.Bye](bo); e.Peer != seat.Peer || e.Reason != protocol.ReasonLeft {
			t.Errorf("bye = %+v", e)
		}
		events.awaitClose(protocol.CloseLeft)
	})
	t.Run("after the end", func(t *testing.T) {
		for method, path := range map[string]string{http.MethodPost: "frames", http.MethodDelete: "sessions"} {
			if status, text := ann.ask(method, path, `{"type":"ping"}`); status != http.StatusUnauthorized || !strings.Contains(text, `"unauthorized"`) {
				t.Errorf("%s: %d %s", method, status, text)
			}
		}
		ann.stream("").awaitClose(protocol.CloseLeft) // the client can still ask why
	})
}

func TestStreamGoesOnWhereItBroke(t *testing.T) {
	server := serve(t, defaultConfig())
	ann := server.httpPeer(t)
	post[protocol.Joined](ann, `{"type":"join","room":"a"}`)
	bo := server.httpPeer(t)
	joined := post[protocol.Joined](bo, `{"type":"join","room":"a"}`)
	say := func(text string) {
		t.Helper()
		post[protocol.Ack](ann, `{"type":"message","id":`+text+`,"to":"`+joined.Peer+`","data":`+text+`}`)
	}
	say("1") // before there is any stream
	say("2")
	first := bo.stream("")
	hear := func(s *httpStream, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if e := awaitEvent[protocol.MessageEvent](s); string(e.Data) != text || strconv.FormatUint(e.Seq, 10) != text {
				t.Errorf("message %d is %s, want %s", e.Seq, e.Data, text)
			}
		}
	}
	hear(first, "1", "2")
	// A newer stream ends the older one; what was not confirmed comes again.
	second := bo.stream("1")
	if _, _, data, ok := first.next(); ok {
		t.Errorf("the older stream goes on: %s", data)
	}
	hear(second, "2")
	say("3")
	hear(second, "3")
	second.close()
	say("4")
	hear(bo.stream("nonsense"), "2", "3", "4")
	hear(bo.stream("99"), "2", "3", "4")
	say("5")
	third := bo.stream("4")
	hear(third, "5")
	if status, _ := bo.ask(http.MethodPost, "frames", `{"type":"seen","seq":5}`); status != http.StatusNoContent {
		t.Errorf("seen: %d", status)
	}
	fourth := bo.stream("")
	say("6")
	hear(fourth, "6")
}

func TestSeatMovesBetweenTransports(t *testing.T) {
	config := defaultConfig()
	config.Grace = time.Minute
	server := serve(t, config)
	ann := server.raw(t)
	ann.send(`{"type":"join","id":1,"room":"a"}`)
	expect[protocol.Joined](ann)

	bo := server.raw(t)
	bo.send(`{"type":"join","id":1,"room":"a"}`)
	joined := expect[protocol.Joined](bo)
	expect[protocol.OtherJoined](ann)
	ann.send(`{"type":"message","id":2,"data":1}`)
	expect[protocol.Ack](ann)
	expect[protocol.MessageEvent](bo)
	ann.send(`{"type":"message","id":3,"data":2}`) // bo reads it on its next connection
	expect[protocol.Ack](ann)

	resume := func(seq int) string {
		return `{"type":"join","room":"a","resume":"` + joined.Resume + `","seq":` + strconv.Itoa(seq) + `}`
	}
	over := server.httpPeer(t)
	events := over.stream("")
	if again := post[protocol.Joined](over, resume(1)); !again.Resumed || again.Peer != joined.Peer {
		t.Errorf("joined = %+v", again)
	}
	bo.expectClose(protocol.CloseTakenOver)
	if e := awaitEvent[protocol.MessageEvent](events); e.Seq != 2 || string(e.Data) != "2" {
		t.Errorf("message = %+v", e)
	}
	ann.send(`{"type":"message","id":4,"data":3}`)
	expect[protocol.Ack](ann)
	awaitEvent[protocol.MessageEvent](events)

	bo = server.raw(t)
	bo.send(resume(2))
	if again := expect[protocol.Joined](bo); !again.Resumed || again.Peer != joined.Peer {
		t.Errorf("joined = %+v", again)
	}
	events.awaitClose(protocol.CloseTakenOver)
	if e := expect[protocol.MessageEvent](bo); e.Seq != 3 || string(e.Data) != "3" {
		t.Errorf("message = %+v", e)
	}
}

func TestHTTPPeerWithoutStreamIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := signaling.Config{Ping: 15 * time.Second, Grace: 30 * time.Second}
		server := serveMemory(t, config)
		ann := server.raw(t)
		ann.send(`{"type":"join","room":"a"}`)
		expect[protocol.Joined](ann)
		if err := ann.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		frames := make(chan protocol.Frame, 8)
		go func() { // reads, and so answers pings, to the end
			defer close(frames)
			for {
				_, text, err := ann.ReadMessage()
				if err != nil {
					return
				}
				f, err := protocol.DecodeServerFrame(text)
				if err != nil {
					t.Error(err)
				}
				frames <- f
			}
		}()
		bo := server.httpPeer(t)
		events := bo.stream("")
		seat := post[protocol.Joined](bo, `{"type":"join","room":"a"}`)
		go events.next()               // reads pings
		<-time.After(10 * time.Minute) // who listens stays
		post[protocol.Pong](bo, `{"type":"ping","id":1}`)
		events.close()
		start := time.Now()
		for range 7 { // who does not, goes, whatever it posts
			<-time.After(2 * time.Second)
			post[protocol.Pong](bo, `{"type":"ping"}`)
		}
		<-frames // other_joined
		if e, ok := (<-frames).(protocol.Away); !ok || e.Peer != seat.Peer {
			t.Errorf("event = %+v, want away", e)
		}
		between(t, start, 15*time.Second, 18*time.Second)
		bo.stream("").awaitClose(protocol.CloseGoingAway)
		if e, ok := (<-frames).(protocol.Bye); !ok || e.Reason != protocol.ReasonTimeout {
			t.Errorf("event = %+v, want bye", e)
		}
		between(t, start, 30*time.Second, 33*time.Second)
	})
}
