package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

const patience = 60 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serve runs a signaling server and returns its address.
func serve(t *testing.T, config signaling.Config) (*signaling.Server, string) {
	t.Helper()
	server, err := signaling.New(config)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", server.WebSocketHandler())
	mux.Handle("/under/ws", server.WebSocketHandler())
	web := httptest.NewServer(mux)
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return server, web.URL
}

func dial(t *testing.T, config client.Config) *client.Client {
	t.Helper()
	c, err := client.Dial(within(t), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAddresses(t *testing.T) {
	_, url := serve(t, signaling.Config{})
	host := strings.TrimPrefix(url, "http://")
	for _, address := range []string{
		"http://" + host, "http://" + host + "/", "ws://" + host, "ws://" + host + "/ws", "http://" + host + "/under/",
		"http://" + host + "/?x=1#y",
	} {
		if err := dial(t, client.Config{NoReconnect: true, URL: address}).Ping(within(t)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"", host, "ftp://" + host, "http://", "http://[", "http:///ws"} {
		if c, err := client.Dial(within(t), client.Config{NoReconnect: true, URL: address}); err == nil {
			_ = c.Close()
			t.Errorf("%q was dialled", address)
		}
	}
}

func TestWholeConversation(t *testing.T) {
	config := signaling.Config{
		Capacity: 2, Ping: 15 * time.Second, Limits: signaling.DefaultLimits(),
		ICEServers: func(peer string, _ netip.Addr) ([]protocol.ICEServer, time.Duration) {
			return []protocol.ICEServer{{URLs: []string{"turn:192.0.2.1"}, Username: peer, Credential: "c"}}, time.Minute
		},
	}
	server, url := serve(t, config)
	ctx := within(t)
	ann, bo := dial(t, client.Config{NoReconnect: true, URL: url, Name: "Ann"}), dial(t, client.Config{NoReconnect: true, URL: url, Name: "Bo"})
	annJoined, err := ann.Join(ctx, "a")
	if err != nil || len(annJoined.ICEServers) != 1 || annJoined.ICEServers[0].Username != annJoined.Peer || annJoined.ICETTL != 60 {
		t.Fatalf("Join = %+v, %v", annJoined, err)
	}
	boJoined, err := bo.Join(ctx, "a")
	if err != nil || len(boJoined.Peers) != 1 {
		t.Fatalf("Join = %+v, %v", boJoined, err)
	}
	if ice, err := bo.ICE(ctx); err != nil || len(ice.ICEServers) != 1 || ice.ICEServers[0].Username != boJoined.Peer || ice.ICETTL != 60 {
		t.Errorf("ICE = %+v, %v", ice, err)
	}
	if err := bo.Report(ctx, "connected", map[string]string{"path": "direct"}); err != nil {
		t.Error(err)
	}
	call := protocol.CallData{Call: 1, Description: &protocol.Description{Type: "offer", SDP: "v=0\r\n"}}
	if ack, err := ann.Send(ctx, boJoined.Peer, call); err != nil || len(ack.To) != 1 {
		t.Errorf("Send = %+v, %v", ack, err)
	}
	event, err := bo.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got protocol.CallData
	if m, ok := event.(protocol.MessageEvent); !ok || json.Unmarshal(m.Data, &got) != nil || *got.Description != *call.Description {
		t.Errorf("received %+v", event)
	}
	third := dial(t, client.Config{NoReconnect: true, URL: url})
	full, ok := errors.AsType[*client.FullError](second(third.Join(ctx, "a")))
	if !ok || full.Room != "a" || full.Capacity != 2 || !strings.Contains(full.Error(), "full") {
		t.Errorf("third Join: %v", full)
	}
	if err := bo.Leave(ctx); err != nil {
		t.Error(err)
	}
	if _, err := bo.Join(ctx, "b"); err != nil {
		t.Errorf("Join after Leave: %v", err)
	}
	if s := server.Snapshot(); s.Rooms != 2 || s.Peers != 2 || s.Reports != 1 || s.Messages != 1 {
		t.Errorf("snapshot = %+v", s)
	}
}

func second[A any](_ A, err error) error { return err }

func TestRequestsAtOnce(t *testing.T) {
	_, url := serve(t, signaling.Config{})
	c := dial(t, client.Config{NoReconnect: true, URL: url})
	ctx := within(t)
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 100 {
				if err := c.Ping(ctx); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}

func TestDataThatIsNoJSON(t *testing.T) {
	_, url := serve(t, signaling.Config{})
	c := dial(t, client.Config{NoReconnect: true, URL: url})
	for _, data := range []any{func() {}, json.RawMessage("{"), json.RawMessage(nil), protocol.CallData{}} {
		if _, err := c.Send(within(t), "", data); err == nil {
			t.Errorf("%T was sent", data)
		}
	}
	if err := c.Ping(within(t)); err != nil {
		t.Errorf("Ping after it: %v", err)
	}
}

func TestClosedClient(t *testing.T) {
	_, url := serve(t, signaling.Config{})
	c := dial(t, client.Config{NoReconnect: true, URL: url})
	if c.Err() != nil {
		t.Errorf("Err = %v before the end", c.Err())
	}
	received := make(chan error, 1)
	go func() { received <- second(c.Receive(context.Background())) }()
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	<-c.Done()
	for what, err := range map[string]error{
		"Receive": <-received, "Err": c.Err(), "Ping": c.Ping(within(t)), "Join": second(c.Join(within(t), "a")),
	} {
		if !errors.Is(err, client.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", what, err)
		}
	}
}

func TestRefusedHandshake(t *testing.T) {
	_, url := serve(t, signaling.Config{})
	_, err := client.Dial(within(t), client.Config{NoReconnect: true, URL: url, Header: http.Header{"Origin": {"https://foe.example"}}})
	refused, ok := errors.AsType[*client.HandshakeError](err)
	if !ok || refused.Status != 403 || refused.Code != "forbidden_origin" || !strings.Contains(refused.Error(), "origin") {
		t.Errorf("Dial: %v", err)
	}
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	_, err = client.Dial(within(t), client.Config{NoReconnect: true, URL: web.URL})
	if refused, ok = errors.AsType[*client.HandshakeError](err); !ok || refused.Status != 404 || refused.Message == "" {
		t.Errorf("Dial to another server: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("changed my mind")
	cancel(cause)
	if _, err := client.Dial(ctx, client.Config{NoReconnect: true, URL: url}); !errors.Is(err, cause) {
		t.Errorf("Dial with a context that has ended: %v", err)
	}
}

// stub runs a server that calls a function of the test with each connection.
func stub(t *testing.T, talk func(ws *websocket.Conn)) string {
	t.Helper()
	var talking sync.WaitGroup
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		talking.Add(1) // before the connection leaves the web server, which is waited for first
		defer talking.Done()
		ws, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		talk(ws)
	}))
	t.Cleanup(func() {
		web.Close()
		talking.Wait()
	})
	return web.URL
}

func TestServerCloses(t *testing.T) {
	url := stub(t, func(ws *websocket.Conn) {
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"closing","after":5}`))
		_ = ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1012, "restart"))
		_, _, _ = ws.ReadMessage()
	})
	c := dial(t, client.Config{NoReconnect: true, URL: url})
	if event, err := c.Receive(within(t)); err != nil || event != client.Event(protocol.Closing{After: 5}) {
		t.Errorf("Receive = %v, %v, want what came before the close", event, err)
	}
	_, err := c.Receive(within(t))
	closed, ok := errors.AsType[*client.CloseError](err)
	if !ok || closed.Code != protocol.CloseRestart || closed.Text != "restart" || !strings.Contains(err.Error(), "1012") {
		t.Errorf("Receive: %v, want close code 1012", err)
	}
}

func TestServerOfAnotherVersion(t *testing.T) {
	url := stub(t, func(ws *websocket.Conn) {
		for _, text := range []string{`{"type":"dance","seq":1}`, `nonsense`, `{"type":"pong","id":77}`, `{"type":"left"}`, `{"type":"bye","seq":2,"peer":"p","reason":"left","more":[]}`} {
			_ = ws.WriteMessage(websocket.TextMessage, []byte(text))
		}
		_, _, _ = ws.ReadMessage()
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"left","id":1}`))
		_, _, _ = ws.ReadMessage()
	})
	c := dial(t, client.Config{NoReconnect: true, URL: url})
	if event, err := c.Receive(within(t)); err != nil || event.EventSeq() != 2 {
		t.Errorf("Receive = %v, %v, want what is known", event, err)
	}
	if err := c.Ping(within(t)); err == nil || !strings.Contains(err.Error(), "left") {
		t.Errorf("Ping answered with left: %v", err)
	}
}

func TestEventsThatNobodyReceives(t *testing.T) {
	url := stub(t, func(ws *websocket.Conn) {
		for range 2000 {
			if ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"message","seq":1,"from":"p","data":1}`)) != nil {
				return
			}
		}
	})
	c := dial(t, client.Config{NoReconnect: true, URL: url})
	<-c.Done()
	if !errors.Is(c.Err(), client.ErrTooSlow) {
		t.Errorf("Err = %v, want ErrTooSlow", c.Err())
	}
	n := 0
	for {
		if _, err := c.Receive(within(t)); err != nil {
			break
		}
		n++
	}
	if n != 1024 {
		t.Errorf("%d events were kept, want 1024", n)
	}
}

func TestRequestObeysItsContext(t *testing.T) {
	url := stub(t, func(ws *websocket.Conn) {
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	})
	c := dial(t, client.Config{NoReconnect: true, URL: url})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if err := c.Ping(ctx); !errors.Is(err, cause) {
		t.Errorf("Ping: %v", err)
	}
	if _, err := c.Receive(ctx); !errors.Is(err, cause) {
		t.Errorf("Receive: %v", err)
	}
}

// TestSilentServer uses a server that announces pings and then sends nothing.
func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		var serving sync.WaitGroup
		serving.Go(func() { silentServer(t, far) })
		c, err := client.Dial(t.Context(), client.Config{
			NoReconnect: true,
			URL:         "http://memory",
			DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Join(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		<-c.Done()
		if took := time.Since(start); took != 35*time.Second {
			t.Errorf("the client noticed after %v, want two pings of 15 s and 5 s", took)
		}
		if err := c.Err(); err == nil || !strings.Contains(err.Error(), "nothing was received") {
			t.Errorf("Err = %v, want silence", err)
		}
		_ = c.Close()
		_ = far.Close()
		serving.Wait()
	})
}

func silentServer(t *testing.T, conn net.Conn) {
	t.Helper()
	listener := &oneConn{conn: make(chan net.Conn, 1)}
	listener.conn <- conn
	done := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		ws, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		_, _, _ = ws.ReadMessage()
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"joined","id":1,"room":"a","peer":"p","peers":[],"ping":15}`))
		_, _, _ = ws.ReadMessage()
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	<-done
	_ = server.Close()
	serving.Wait()
}

// oneConn is a net.Listener that accepts one connection.
type oneConn struct {
	conn chan net.Conn
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.conn) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }
