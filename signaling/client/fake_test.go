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

// fake is a server in memory, under the control of the test, in a synctest bubble.
type fake struct {
	t     *testing.T
	conns chan *fakeConn // WebSockets that were opened

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
		f := &fake{t: t, conns: make(chan *fakeConn, 16), pipes: newPipes()}
		web := &http.Server{Handler: http.HandlerFunc(f.serve)}
		f.pipes.serving.Go(func() { _ = web.Serve(f.pipes) })
		defer func() {
			_ = web.Close()
			f.pipes.serving.Wait()
			for {
				select {
				case l := <-f.conns:
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
		f.conns <- &fakeConn{ws, f.t}
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

// open dials, and closes the client at the end of the test.
func (f *fake) open(config client.Config) *client.Client {
	f.t.Helper()
	c, err := client.Dial(f.t.Context(), config)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// nextConn returns the next WebSocket that the client opened.
func (f *fake) nextConn() *fakeConn {
	f.t.Helper()
	select {
	case l := <-f.conns:
		return l
	case <-time.After(time.Hour):
		f.t.Fatal("the client opened no WebSocket")
		return nil
	}
}

// seat opens a client and gives it a seat.
func (f *fake) seat() (*client.Client, *fakeConn) {
	f.t.Helper()
	return f.seatWith(f.config())
}

func (f *fake) seatWith(config client.Config) (*client.Client, *fakeConn) {
	f.t.Helper()
	c := f.open(config)
	l := f.nextConn()
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

// fakeConn is the server's end of a WebSocket.
type fakeConn struct {
	*websocket.Conn
	t *testing.T
}

// deaf reads everything and answers nothing, until the connection ends.
func (l *fakeConn) deaf() {
	for {
		if _, err := l.any(); err != nil {
			return
		}
	}
}

// next returns the next request, past seen and pings without an id.
func (l *fakeConn) next() protocol.Request {
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

func (l *fakeConn) any() (protocol.Request, error) {
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

func want[R protocol.Request](l *fakeConn) R {
	l.t.Helper()
	f := l.next()
	r, ok := f.(R)
	if !ok {
		l.t.Fatalf("the client sent %#v, want a %T", f, r)
	}
	return r
}

// say sends a frame.
func (l *fakeConn) say(f protocol.Frame) {
	l.t.Helper()
	if err := l.WriteMessage(websocket.TextMessage, protocol.Encode(f)); err != nil {
		l.t.Fatal(err)
	}
}

// cut closes the connection without a close frame.
func (l *fakeConn) cut() { _ = l.Close() }

// end closes the connection with a code.
func (l *fakeConn) end(code int) {
	_ = l.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "test"), time.Now().Add(time.Second))
	_ = l.Close()
}

// resume answers a join so that the client gets its seat back.
func (l *fakeConn) resume(resumed bool) protocol.Join {
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

// hear returns the next event, which must be of type E.
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

// isCode reports whether err is the server's error with that code.
func isCode(err error, code protocol.Code) bool {
	fault, ok := errors.AsType[protocol.Error](err)
	return ok && fault.Code == code
}
