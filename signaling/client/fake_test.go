package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// fake is a server in memory that says what the test tells it to. It lives in
// a synctest bubble.
type fake struct {
	t     *testing.T
	lines chan *fakeLine // WebSockets that were opened

	mu      sync.Mutex
	down    bool             // nothing listens
	handler http.HandlerFunc // instead of opening a WebSocket; nil = open it
	dials   []time.Time
	pipes   *pipes
}

// story runs a test with a fake server, in a bubble.
func story(t *testing.T, tell func(t *testing.T, f *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, lines: make(chan *fakeLine, 16), pipes: newPipes()}
		web := &http.Server{Handler: http.HandlerFunc(f.serve)}
		f.pipes.serving.Go(func() { _ = web.Serve(f.pipes) })
		defer func() {
			_ = web.Close()
			f.pipes.serving.Wait()
			for {
				select {
				case l := <-f.lines:
					_ = l.Close()
				default:
					return
				}
			}
		}()
		tell(t, f)
	})
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	handler := f.handler
	f.mu.Unlock()
	if handler != nil {
		handler(w, r)
		return
	}
	if r.URL.Path != "/ws" {
		http.NotFound(w, r)
		return
	}
	f.upgrade(w, r)
}

func (f *fake) upgrade(w http.ResponseWriter, r *http.Request) {
	ws, err := (&websocket.Upgrader{Subprotocols: []string{protocol.Subprotocol}}).Upgrade(w, r, nil)
	if err == nil {
		f.lines <- &fakeLine{ws, f.t}
	}
}

func (f *fake) set(down bool, handler http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.handler = down, handler
}

func (f *fake) dialled() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]time.Time(nil), f.dials...)
}

func (f *fake) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	f.mu.Lock()
	down := f.down
	f.dials = append(f.dials, time.Now())
	f.mu.Unlock()
	if down {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return f.pipes.dial(ctx)
}

func (f *fake) config() client.Config {
	return client.Config{URL: "http://memory", Name: "Ann", DialContext: f.dial}
}

// open dials, and closes at the test's end.
func (f *fake) open(config client.Config) *client.Client {
	f.t.Helper()
	c, err := client.Dial(f.t.Context(), config)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// line returns the next WebSocket that was opened.
func (f *fake) line() *fakeLine {
	f.t.Helper()
	select {
	case l := <-f.lines:
		return l
	case <-time.After(time.Hour):
		f.t.Fatal("the client opened no WebSocket")
		return nil
	}
}

// seat opens a client and gives it a seat.
func (f *fake) seat() (*client.Client, *fakeLine) {
	f.t.Helper()
	return f.seatWith(f.config())
}

func (f *fake) seatWith(config client.Config) (*client.Client, *fakeLine) {
	f.t.Helper()
	c := f.open(config)
	l := f.line()
	got := make(chan error, 1)
	go func() {
		_, err := c.Join(f.t.Context(), "room")
		got <- err
	}()
	join := want[protocol.Join](l)
	if join.Nonce == "" || join.Resume != "" || join.Room != "room" || join.Name != "Ann" {
		f.t.Fatalf("first join: %+v", join)
	}
	l.say(joined(join.ID, "p1", "token-1", false))
	if err := <-got; err != nil {
		f.t.Fatal(err)
	}
	return c, l
}

func joined(id uint64, peer, resume string, resumed bool) protocol.Joined {
	return protocol.Joined{
		ID: id, Room: "room", Peer: peer, Resume: resume, Resumed: resumed, Capacity: 2, Grace: 30, Ping: 15,
		Peers: []protocol.Peer{{Peer: "p2", Name: "Bo"}},
	}
}

// fakeLine is the server's end of a WebSocket.
type fakeLine struct {
	*websocket.Conn
	t *testing.T
}

// deaf reads what comes and answers nothing, until the line ends.
func (l *fakeLine) deaf() {
	for {
		if _, err := l.any(); err != nil {
			return
		}
	}
}

// next returns the next request, past seen and pings without an id.
func (l *fakeLine) next() protocol.Request {
	l.t.Helper()
	for {
		f, err := l.any()
		if err != nil {
			l.t.Fatalf("in vain waited for a request: %v", err)
		}
		ping, isPing := f.(protocol.Ping)
		if _, isSeen := f.(protocol.Seen); isSeen || isPing && ping.ID == 0 {
			continue
		}
		return f
	}
}

func (l *fakeLine) any() (protocol.Request, error) {
	l.t.Helper()
	_ = l.SetReadDeadline(time.Now().Add(time.Hour))
	_, text, err := l.ReadMessage()
	if err != nil {
		return nil, err
	}
	f, err := protocol.DecodeRequest(text)
	if err != nil {
		l.t.Fatalf("the client sent %s: %v", text, err)
	}
	return f, nil
}

func want[R protocol.Request](l *fakeLine) R {
	l.t.Helper()
	f := l.next()
	r, ok := f.(R)
	if !ok {
		l.t.Fatalf("the client sent %#v, want a %T", f, r)
	}
	return r
}

// say sends a frame.
func (l *fakeLine) say(f protocol.Frame) {
	l.t.Helper()
	if err := l.WriteMessage(websocket.TextMessage, protocol.Encode(f)); err != nil {
		l.t.Fatal(err)
	}
}

// cut ends the line without a word.
func (l *fakeLine) cut() { _ = l.Close() }

// end closes the line with a code.
func (l *fakeLine) end(code int) {
	_ = l.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "test"), time.Now().Add(time.Second))
	_ = l.Close()
}

// resume lets the client have its seat back.
func (l *fakeLine) resume(resumed bool) protocol.Join {
	l.t.Helper()
	join := want[protocol.Join](l)
	if join.Resume == "" || join.Nonce != "" {
		l.t.Fatalf("join to come back: %+v", join)
	}
	l.say(joined(join.ID, "p1", "token-2", resumed))
	return join
}

func message(seq uint64) protocol.MessageEvent {
	return protocol.MessageEvent{Seq: seq, From: "p2", Data: json.RawMessage(`{}`)}
}

// hear returns the next event, which must be an E.
func hear[E client.Event](t *testing.T, c *client.Client) E {
	t.Helper()
	event, err := c.Receive(t.Context())
	if err != nil {
		t.Fatalf("Receive: %v", err)
	}
	e, ok := event.(E)
	if !ok {
		t.Fatalf("received %#v, want a %T", event, e)
	}
	return e
}

// isCode says whether err is the server's error with that code.
func isCode(err error, code protocol.Code) bool {
	fault, ok := errors.AsType[protocol.Error](err)
	return ok && fault.Code == code
}
