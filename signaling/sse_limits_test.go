package signaling_test

import (
	"context"
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

func TestHTTPAnswersWhoMayNot(t *testing.T) {
	config := defaultConfig()
	config.AllowedOrigins = []string{"https://friend.example"}
	server := serve(t, config)
	for path, method := range map[string]string{"events": http.MethodGet, "frames": http.MethodPost, "sessions": http.MethodDelete} {
		for _, authorization := range []string{"", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + strings.Repeat("A", 43)} {
			a := server.ask(t, method, "/api/v1/"+path, http.Header{"Authorization": {authorization}})
			if a.status != http.StatusUnauthorized || a.body["code"] != "unauthorized" || a.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s with %q: %d %v", path, authorization, a.status, a.body)
			}
		}
		a := server.ask(t, http.MethodPatch, "/api/v1/"+path, nil)
		if a.status != http.StatusMethodNotAllowed || !strings.Contains(a.header.Get("Allow"), method) {
			t.Errorf("PATCH %s: %d, Allow %q", path, a.status, a.header.Get("Allow"))
		}
		for origin, want := range map[string]int{"https://foe.example": 403, "null": 403, "https://friend.example": 401} {
			a := server.ask(t, method, "/api/v1/"+path, http.Header{"Origin": {origin}})
			if a.status != want || (want == 401) != (a.header.Get("Access-Control-Allow-Origin") == origin) {
				t.Errorf("%s from %s: %d %v, want %d", path, origin, a.status, a.header, want)
			}
		}
	}
	preflight := http.Header{
		"Origin": {"https://friend.example"}, "Access-Control-Request-Method": {"POST"},
		"Access-Control-Request-Headers": {"authorization"},
	}
	a := server.ask(t, http.MethodOptions, "/api/v1/frames", preflight)
	if a.status != http.StatusNoContent || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization") ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Last-Event-ID") {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
}

func TestHTTPLimits(t *testing.T) {
	config := defaultConfig()
	config.Limits.FramesPerSecond, config.Limits.FrameBurst = 1, 20
	config.Limits.Connections = 2
	server := serve(t, config)
	p := server.httpPeer(t)
	post[protocol.Joined](p, `{"type":"join","id":1,"room":"a"}`)

	const size = 64 << 10
	frame := `{"type":"message","id":1,"data":"` + strings.Repeat("x", size) + `"}`
	status, text := p.ask(http.MethodPost, "frames", frame)
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(text, `"too_large"`) || !strings.Contains(text, strconv.Itoa(size)) {
		t.Errorf("a large frame: %d %s", status, text)
	}
	post[protocol.Pong](p, `{"type":"ping","id":2}`) // it goes on

	for n := range 30 {
		response, err := p.http.Do(p.request(within(t), http.MethodPost, "frames", `{"type":"ping","id":`+strconv.Itoa(n+3)+`}`))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode == http.StatusOK && n < 25 {
			continue
		}
		f, _ := protocol.DecodeServerFrame(text)
		fault, _ := f.(protocol.Error)
		after, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		if response.StatusCode != http.StatusTooManyRequests || fault.Code != protocol.CodeRateLimited || fault.ID != uint64(n+3) ||
			!fault.Retry || after < 1 || float64(after) < float64(fault.After) {
			t.Errorf("frame %d: %d %s, Retry-After %d", n, response.StatusCode, text, after)
		}
		break
	}

	server.httpPeer(t)
	p.secret = ""
	if status, text := p.ask(http.MethodPost, "sessions", ""); status != http.StatusTooManyRequests || !strings.Contains(text, `"rate_limited"`) {
		t.Errorf("a third connection: %d %s", status, text)
	}
}

// TestOneFrameAfterTheOther posts a frame while a join waits for an idle
// occupant.
func TestOneFrameAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Capacity: 1, Ping: 15 * time.Second, Limits: signaling.DefaultLimits()})
		server.deadPeer(t, "a")
		<-time.After(20 * time.Second)
		p := server.httpPeer(t)
		done := make(chan int)
		go func() {
			status, _ := p.ask(http.MethodPost, "frames", `{"type":"join","id":1,"room":"a"}`)
			done <- status
		}()
		synctest.Wait()
		if status, text := p.ask(http.MethodPost, "frames", `{"type":"ping"}`); status != http.StatusTooManyRequests || !strings.Contains(text, "rate_limited") {
			t.Errorf("a frame meanwhile: %d %s", status, text)
		}
		if status := <-done; status != http.StatusOK {
			t.Errorf("join: %d", status)
		}
	})
}

func TestHTTPPeerMustJoinInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Limits: signaling.DefaultLimits()})
		start := time.Now()
		p := server.httpPeer(t)
		p.stream("").awaitClose(protocol.ClosePolicy)
		between(t, start, 10*time.Second, 11500*time.Millisecond)
		synctest.Wait()
		if s := server.Snapshot(); s.Connections != 0 {
			t.Errorf("%d connections are left", s.Connections)
		}
		<-time.After(5 * time.Minute) // now nobody asks why any more
		if status, _ := p.ask(http.MethodGet, "events", ""); status != http.StatusUnauthorized {
			t.Errorf("GET events: %d", status)
		}
	})
}

// TestSlowReaderOfAStream has a client that never reads its stream.
func TestSlowReaderOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := signaling.DefaultLimits()
		limits.FramesPerSecond = 0
		server := serveMemory(t, signaling.Config{Capacity: 2, Limits: limits, Grace: time.Minute})
		ann := server.httpPeer(t)
		annEvents := ann.stream("")
		post[protocol.Joined](ann, `{"type":"join","room":"a"}`)
		slow := server.httpPeer(t)
		slow.stream("")
		post[protocol.Joined](slow, `{"type":"join","room":"a"}`)
		awaitEvent[protocol.OtherJoined](annEvents)
		var fault protocol.Error
		for id := 1; fault.Code == ""; id++ {
			status, text := ann.ask(http.MethodPost, "frames", `{"type":"message","id":`+strconv.Itoa(id)+`,"data":"`+strings.Repeat("x", 5000)+`"}`)
			f, err := protocol.DecodeServerFrame([]byte(text))
			if err != nil || status != http.StatusOK || id > 1000 {
				t.Fatalf("message %d: %d %.100s", id, status, text)
			}
			fault, _ = f.(protocol.Error)
		}
		if fault.Code != protocol.CodeQueueFull {
			t.Errorf("error = %+v", fault)
		}
		awaitEvent[protocol.Away](annEvents) // the reader is put out, or its write took too long
		start := time.Now()
		closeServer(t, server.Server)
		between(t, start, 0, 3*time.Second)
	})
}

func TestCloseTellsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Capacity: 2, Ping: 15 * time.Second})
		p := server.httpPeer(t)
		events := p.stream("")
		post[protocol.Joined](p, `{"type":"join","room":"a"}`)
		idle := server.httpPeer(t)
		post[protocol.Joined](idle, `{"type":"join","room":"b"}`)
		server.httpPeer(t).stream("") // never reads
		done := make(chan struct{})
		start := time.Now()
		go func() {
			defer close(done)
			closeServer(t, server.Server)
		}()
		if e := awaitEvent[protocol.Closing](events); e.After != 5 {
			t.Errorf("closing = %+v", e)
		}
		events.awaitClose(protocol.CloseGoingAway)
		<-done
		between(t, start, 0, 3*time.Second)
		if s := server.Snapshot(); s.Connections != 0 || s.Peers != 0 {
			t.Errorf("snapshot = %+v", s)
		}
		p.secret = ""
		if status, text := p.ask(http.MethodPost, "sessions", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, `"closing"`) {
			t.Errorf("POST sessions after Close: %d %s", status, text)
		}
	})
}

// TestCloseCutsStreams closes the server while a client does not read.
func TestCloseCutsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{})
		p := server.httpPeer(t)
		p.stream("")
		post[protocol.Joined](p, `{"type":"join","room":"a"}`)
		q := server.httpPeer(t)
		post[protocol.Joined](q, `{"type":"join","room":"a"}`)
		// More than the client's http.Transport buffers by itself: the stream blocks.
		post[protocol.Ack](q, `{"type":"message","id":1,"data":"`+strings.Repeat("x", 16<<10)+`"}`)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := server.Close(ctx); err == nil {
			t.Error("Close had time enough")
		}
		between(t, start, time.Second, time.Second)
	})
}

// TestStreamOutlivesTheServersTimeouts uses an http.Server that ends requests
// after a while.
func TestStreamOutlivesTheServersTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemoryWith(t, signaling.Config{Ping: 15 * time.Second}, func(web *http.Server) {
			web.ReadTimeout, web.WriteTimeout = 10*time.Second, 10*time.Second
		})
		p := server.httpPeer(t)
		events := p.stream("")
		post[protocol.Joined](p, `{"type":"join","room":"a"}`)
		heard := make(chan protocol.Frame)
		go func() {
			_, _, data, _ := events.next()
			f, _ := protocol.DecodeServerFrame([]byte(data))
			heard <- f
		}()
		<-time.After(5 * time.Minute)
		q := server.httpPeer(t)
		post[protocol.Joined](q, `{"type":"join","room":"a"}`)
		if _, ok := (<-heard).(protocol.OtherJoined); !ok {
			t.Error("the stream did not last")
		}
	})
}
