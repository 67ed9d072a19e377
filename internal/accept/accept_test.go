package accept_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"callbox/internal/accept"
	"callbox/internal/budget"
)

const patience = 20 * time.Second

// server is an http.Server whose connections a table counts. It serves /page at
// once, /slow until the test ends, /hijack by hijacking the connection, and /held as a
// stream that is not displaced.
type server struct {
	table *accept.Table
	addr  string
	held  atomic.Int32 // requests for /held that are being served
}

func serve(t *testing.T, config accept.Config, wrap ...func(net.Listener) net.Listener) *server {
	t.Helper()
	s := &server{table: accept.New(config)}
	ended := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { wait(ended, r) })
	mux.HandleFunc("/held", func(_ http.ResponseWriter, r *http.Request) {
		defer accept.Hold(r.Context())()
		s.held.Add(1)
		defer s.held.Add(-1)
		wait(ended, r)
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Yours\r\n\r\n")
		t.Cleanup(func() { conn.Close() })
	})
	web := httptest.NewUnstartedServer(mux)
	for _, each := range wrap {
		web.Listener = each(web.Listener)
	}
	web.Listener = s.table.Listener(web.Listener, accept.Plain)
	web.Config.ConnState = s.table.State
	web.Config.ConnContext = accept.WithConn
	web.Start()
	s.addr = web.Listener.Addr().String()
	t.Cleanup(web.Close)
	t.Cleanup(func() { close(ended) }) // before web.Close
	return s
}

func wait(ended <-chan struct{}, r *http.Request) {
	select {
	case <-ended:
	case <-r.Context().Done():
	}
}

// client is a connection of a test to a server.
type client struct {
	net.Conn
	reader *bufio.Reader
}

func (s *server) dial(t *testing.T, from string) *client {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{conn, bufio.NewReader(conn)}
}

// ask sends a request, and get reads the answer as well; the status is 0 when
// the connection is closed.
func (c *client) ask(t *testing.T, path string) {
	t.Helper()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
}

func (c *client) get(t *testing.T, path string) (status int, header http.Header, body string) {
	t.Helper()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path); err != nil {
		return 0, nil, ""
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, nil, ""
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body) // that of 101 is what the test does not send
	return response.StatusCode, response.Header, string(text)
}

func (c *client) wantPage(t *testing.T) {
	t.Helper()
	if status, _, _ := c.get(t, "/page"); status != http.StatusOK {
		t.Errorf("%s: status %d, want the page", c.LocalAddr(), status)
	}
}

// wantClosed waits until the server has closed the connection.
func (c *client) wantClosed(t *testing.T) {
	t.Helper()
	_, err := c.reader.ReadByte()
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: read %v, want a closed connection", c.LocalAddr(), err)
	}
}

// until waits until the table has counted what is wanted.
func (s *server) until(t *testing.T, want func(accept.Snapshot) bool) {
	t.Helper()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for deadline := time.Now().Add(patience); !want(s.table.Snapshot()); <-ticks.C {
		if time.Now().After(deadline) {
			t.Fatalf("the table has %+v", s.table.Snapshot())
		}
	}
}

func TestWaitingConnectionsGiveWay(t *testing.T) {
	t.Parallel()
	s := serve(t, accept.Config{All: 3})
	var old []*client
	for i := range 3 {
		c := s.dial(t, "127.0.0.2")
		c.wantPage(t)
		s.until(t, func(got accept.Snapshot) bool { return got.Waiting == i+1 })
		old = append(old, c)
	}
	old[0].wantPage(t) // so old[1] has waited longest
	s.until(t, func(got accept.Snapshot) bool { return got.Waiting == 3 })
	s.dial(t, "127.0.0.3").wantPage(t)
	old[1].wantClosed(t)
	old[0].wantPage(t)
	old[2].wantPage(t)
	if got := s.table.Snapshot(); got.Displaced != 1 || got.Refused["all"] != 0 || got.Addresses != 2 {
		t.Errorf("the table has %+v", got)
	}
}

// Incomplete requests do not help an attacker, and requests that take forever are
// displaced by addresses that have fewer.
func TestBusyConnectionsGiveWay(t *testing.T) {
	t.Parallel()
	s := serve(t, accept.Config{All: 3})
	first, half, second := s.dial(t, "127.0.0.2"), s.dial(t, "127.0.0.2"), s.dial(t, "127.0.0.2")
	first.ask(t, "/slow")
	s.until(t, func(got accept.Snapshot) bool { return got.Busy == 1 })
	if _, err := io.WriteString(half, "GET /page HT"); err != nil {
		t.Fatal(err)
	}
	second.ask(t, "/slow")
	s.until(t, func(got accept.Snapshot) bool { return got.Busy == 2 && got.Waiting == 1 })
	s.dial(t, "127.0.0.4").ask(t, "/slow")
	half.wantClosed(t)
	s.until(t, func(got accept.Snapshot) bool { return got.Busy == 3 })
	newcomer := s.dial(t, "127.0.0.3")
	newcomer.wantPage(t)
	first.wantClosed(t)
	s.until(t, func(got accept.Snapshot) bool { return got.Waiting == 1 })
	// Every address has one connection now: none is displaced by another's second.
	if status, _, _ := s.dial(t, "127.0.0.4").get(t, "/page"); status != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", status)
	}
	// But a waiting connection of the same address is.
	s.dial(t, "127.0.0.3").wantPage(t)
	newcomer.wantClosed(t)
}

func TestCallsNeverGiveWay(t *testing.T) {
	t.Parallel()
	s := serve(t, accept.Config{All: 2})
	taken := s.dial(t, "127.0.0.2")
	if status, _, _ := taken.get(t, "/hijack"); status != http.StatusSwitchingProtocols && status != 0 {
		t.Fatalf("status %d", status)
	}
	s.dial(t, "127.0.0.2").ask(t, "/held")
	s.until(t, func(got accept.Snapshot) bool { return got.Held == 2 && s.held.Load() == 1 })
	status, header, body := s.dial(t, "127.0.0.3").get(t, "/page")
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(body, "try again") {
		t.Errorf("answer %d %v %q", status, header, body)
	}
	if got := s.table.Snapshot(); got.Held != 2 || got.Displaced != 0 || got.Refused["all"] != 1 {
		t.Errorf("the table has %+v", got)
	}
}

func TestBoundOfAnAddress(t *testing.T) {
	t.Parallel()
	trusted := netip.MustParseAddr("127.0.0.9")
	s := serve(t, accept.Config{PerAddress: 2, Exempt: func(addr netip.Addr) bool { return addr == trusted }})
	waits := s.dial(t, "127.0.0.2")
	waits.wantPage(t)
	s.until(t, func(got accept.Snapshot) bool { return got.Waiting == 1 })
	s.dial(t, "127.0.0.2").ask(t, "/slow")
	s.until(t, func(got accept.Snapshot) bool { return got.Waiting == 1 && got.Busy == 1 })
	third := s.dial(t, "127.0.0.2")
	third.ask(t, "/slow")
	waits.wantClosed(t)
	s.until(t, func(got accept.Snapshot) bool { return got.Busy == 2 })
	status, header, body := s.dial(t, "127.0.0.2").get(t, "/page")
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(body, "your address") {
		t.Errorf("answer %d %v %q", status, header, body)
	}
	s.dial(t, "127.0.0.3").wantPage(t)
	for range 4 { // a proxy's are not one client's
		s.dial(t, "127.0.0.9").ask(t, "/slow")
	}
	s.until(t, func(got accept.Snapshot) bool { return got.Busy == 6 && got.Refused["address"] == 1 })
}

func TestMemoryOfConnections(t *testing.T) {
	t.Parallel()
	memory := budget.New(17 * 80 << 10) // 80 KiB for one address alone
	s := serve(t, accept.Config{Memory: memory})
	slow, taken := s.dial(t, "127.0.0.2"), s.dial(t, "127.0.0.2")
	slow.ask(t, "/slow")
	s.until(t, func(got accept.Snapshot) bool { return got.Busy == 1 && got.Waiting == 1 })
	taken.ask(t, "/hijack")
	s.until(t, func(got accept.Snapshot) bool { return got.Held == 1 })
	waits := s.dial(t, "127.0.0.2") // in the place of what became no HTTP connection
	s.until(t, func(got accept.Snapshot) bool { return got.Waiting == 1 })
	more := s.dial(t, "127.0.0.2") // and this in its place, which only waits
	more.ask(t, "/slow")
	waits.wantClosed(t)
	s.until(t, func(got accept.Snapshot) bool { return got.Busy == 2 })
	status, _, body := s.dial(t, "127.0.0.2").get(t, "/page")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "memory") {
		t.Errorf("answer %d %q", status, body)
	}
	slow.Close()
	more.Close()
	s.until(t, func(got accept.Snapshot) bool { return got.Busy == 0 && got.Refused["memory"] == 1 })
	if got := memory.Snapshot(); got.Used != 0 || got.Addresses != 0 {
		t.Errorf("of the memory %+v is left", got)
	}
}

// starved is a listener whose Accept fails, as if there were no descriptors, until a
// connection is closed.
type starved struct {
	net.Listener
	fails atomic.Int32
}

func (l *starved) Accept() (net.Conn, error) {
	if l.fails.Add(-1) == 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestOutOfDescriptors(t *testing.T) {
	t.Parallel()
	web := serve(t, accept.Config{})
	waits := web.dial(t, "127.0.0.2")
	waits.wantPage(t)
	web.until(t, func(got accept.Snapshot) bool { return got.Waiting == 1 })
	var inner *starved
	admin := serve(t, accept.Config{Before: web.table}, func(l net.Listener) net.Listener {
		inner = &starved{Listener: l}
		inner.fails.Store(2)
		return inner
	})
	admin.dial(t, "127.0.0.1").wantPage(t)
	admin.dial(t, "127.0.0.1").wantPage(t)
	waits.wantClosed(t)
	if got := web.table.Snapshot().Displaced; got != 1 {
		t.Errorf("%d connections gave way, want 1", got)
	}
}

// While a client reads nothing of what is written to it, nothing more is read from it.
func TestReadWaitsForWrite(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	table := accept.New(accept.Config{})
	listener := table.Listener(inner, accept.Secure)
	t.Cleanup(func() { _ = listener.Close() }) // nothing more is accepted
	far, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	table.State(near, http.StateNew)

	const size = 16 << 20 // more than the system buffers
	wrote, read := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := near.Write(make([]byte, size))
		wrote <- err
	}()
	one := make([]byte, 1)
	if _, err := io.ReadFull(far, one); err != nil { // so the write has begun
		t.Fatal(err)
	}
	if _, err := far.Write(one); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := near.Read(make([]byte, 1))
		read <- err
	}()
	select {
	case err := <-read:
		read <- err // for the end
		t.Error("something was read while the client took nothing")
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := io.CopyN(io.Discard, far, size-1); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-wrote, <-read); err != nil {
		t.Error(err)
	}
}
