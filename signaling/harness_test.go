package signaling_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"callbox/internal/budget"
	"callbox/signaling"
	"callbox/signaling/faultmodel"
	"callbox/signaling/protocol"
)

// patience is how long tests wait for what should happen soon, even on a busy
// machine.
const patience = 60 * time.Second

// testServer is a server under test, on loopback or in memory.
type testServer struct {
	*signaling.Server
	url      string
	dialFunc func(ctx context.Context, network, address string) (net.Conn, error)
}

func handler(server *signaling.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/ws", server.WebSocketHandler())
	mux.Handle("/api/", server.APIHandler())
	return mux
}

// serve runs a server on loopback until the test's end.
func serve(tb testing.TB, config signaling.Config) *testServer {
	tb.Helper()
	countMemory(tb, &config)
	server, err := signaling.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	web := httptest.NewUnstartedServer(handler(server))
	web.Listener = server.Listener(web.Listener, "/ws", nil)
	web.Start()
	tb.Cleanup(func() {
		closeServer(tb, server)
		web.Close()
	})
	return &testServer{Server: server, url: web.URL}
}

// countMemory gives a server without a Memory one whose bound nothing reaches,
// and checks that all of it is given back in the end.
func countMemory(tb testing.TB, config *signaling.Config) {
	tb.Helper()
	if config.Memory == nil {
		config.Memory = budget.New(1 << 40)
	}
	memory, ok := config.Memory.(*budget.Memory)
	if !ok {
		return
	}
	tb.Cleanup(func() { // runs after the server has been closed
		if s := memory.Snapshot(); s.Used != 0 {
			tb.Errorf("%d bytes are still taken for %d addresses", s.Used, s.Addresses)
		}
	})
}

func closeServer(tb testing.TB, server *signaling.Server) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := server.Close(ctx); err != nil {
		tb.Errorf("Close: %v", err)
	}
}

// serveMemory runs a server on pipes, for tests in a synctest bubble, whose
// time does not pass on real sockets.
func serveMemory(t *testing.T, config signaling.Config) *testServer {
	t.Helper()
	return serveMemoryWith(t, config, func(*http.Server) {})
}

// serveMemoryWith is serveMemory with an http.Server that set changes.
func serveMemoryWith(t *testing.T, config signaling.Config, set func(*http.Server)) *testServer {
	t.Helper()
	countMemory(t, &config)
	server, err := signaling.New(config)
	if err != nil {
		t.Fatal(err)
	}
	listener := faultmodel.NewListener(net.Pipe)
	web := &http.Server{Handler: handler(server)}
	set(web)
	var serving sync.WaitGroup
	serving.Go(func() { _ = web.Serve(listener) })
	t.Cleanup(func() {
		closeServer(t, server)
		_ = web.Close()
		serving.Wait()
	})
	return &testServer{Server: server, url: "http://memory", dialFunc: listener.Dial}
}

// within returns a context that ends after patience.
func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// rawClient is a client that sends and reads frame by frame, as the test says.
type rawClient struct {
	*websocket.Conn
	t testing.TB
}

func (s *testServer) raw(tb testing.TB) *rawClient {
	tb.Helper()
	return s.rawWith(tb, websocket.Dialer{NetDialContext: s.dialFunc})
}

func (s *testServer) rawWith(tb testing.TB, dialer websocket.Dialer) *rawClient {
	tb.Helper()
	ws, response, err := dialer.DialContext(within(tb), strings.Replace(s.url, "http", "ws", 1)+"/ws", nil)
	if err != nil {
		tb.Fatal(err)
	}
	_ = response.Body.Close()
	tb.Cleanup(func() { _ = ws.Close() })
	return &rawClient{ws, tb}
}

func (c *rawClient) send(text string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatalf("write %.80s: %v", text, err)
	}
}

// read returns the next frame, or the close code.
func (c *rawClient) read() (protocol.Frame, int) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, text, err := c.ReadMessage()
	if closed, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // gorilla does not wrap it
		return nil, closed.Code
	}
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	f, err := protocol.DecodeServerFrame(text)
	if err != nil {
		c.t.Fatalf("the server sent %s: %v", text, err)
	}
	return f, 0
}

// expect reads the next frame, which must be an F.
func expect[F protocol.Frame](c *rawClient) F {
	c.t.Helper()
	f, code := c.read()
	want, ok := f.(F)
	if !ok {
		c.t.Fatalf("got %#v (close code %d), want a %T", f, code, want)
	}
	return want
}

func (c *rawClient) expectError(code protocol.Code) protocol.Error {
	c.t.Helper()
	fault := expect[protocol.Error](c)
	if fault.Code != code || fault.Message == "" {
		c.t.Fatalf("error = %+v, want code %s and a message", fault, code)
	}
	return fault
}

// expectClose reads on to the connection's end, which must have that code. It
// returns how many frames came before it.
func (c *rawClient) expectClose(code int) int {
	c.t.Helper()
	for n := 0; ; n++ {
		f, got := c.read()
		if f != nil {
			continue
		}
		if got != code {
			c.t.Fatalf("closed with %d, want %d", got, code)
		}
		return n
	}
}

func rawJSON(text string) json.RawMessage { return json.RawMessage(text) }

func textLogger(to io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }

// lockedText is a log that a test reads while the server still writes it.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
