package client_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// network is a real server in memory, with all faults of the network in front of it. It
// runs in a synctest bubble.
type network struct {
	t *testing.T

	mu     sync.Mutex
	server *signaling.Server
	web    *http.Server
	pipes  *pipes
	conns  []net.Conn       // of the clients
	count  int              // of all there were
	proxy  http.HandlerFunc // answers instead of the server's WebSocket; nil = nobody does
	budget func() int       // of bytes that a connection carries; nil = no bound
}

// onNetwork runs a test with a real server, in a bubble.
func onNetwork(t *testing.T, tell func(t *testing.T, n *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &network{t: t}
		n.start()
		defer n.kill()
		tell(t, n)
	})
}

func (n *network) start() {
	n.t.Helper()
	server, err := signaling.New(signaling.Config{
		// The grace time is longer than any outage here, so that nothing is lost because of it.
		Capacity: 2, Ping: 15 * time.Second, Grace: signaling.ResumeLife / 2,
		SessionSecrets: [][]byte{[]byte("the secret of every incarnation of the server")},
	})
	if err != nil {
		n.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		proxy := n.proxy
		n.mu.Unlock()
		if proxy != nil {
			proxy(w, r)
			return
		}
		server.WebSocketHandler().ServeHTTP(w, r)
	})
	mux.Handle("/api/", server.APIHandler())
	web := &http.Server{Handler: mux}
	p := newPipes()
	n.mu.Lock()
	n.server, n.web, n.pipes = server, web, p
	n.mu.Unlock()
	p.serving.Go(func() { _ = web.Serve(p) })
}

// kill stops the server as SIGKILL does: clients are not notified.
func (n *network) kill() {
	n.mu.Lock()
	server, web, p := n.server, n.web, n.pipes
	n.pipes = nil
	n.mu.Unlock()
	n.cut()
	_ = web.Close()
	_ = server.Close(context.Background())
	p.serving.Wait()
}

// cut breaks all connections.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, conn := range n.conns {
		_ = conn.Close()
	}
	n.conns = nil
}

func (n *network) set(proxy http.HandlerFunc, budget func() int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.proxy, n.budget = proxy, budget
}

// made returns the number of connections so far.
func (n *network) made() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.count
}

func (n *network) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	n.mu.Lock()
	p, budget := n.pipes, n.budget
	n.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	if p == nil {
		return nil, refused
	}
	near, err := p.dial(ctx)
	if errors.Is(err, net.ErrClosed) {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	if budget != nil {
		near = &shortConn{Conn: near, left: budget()}
	}
	n.mu.Lock()
	n.conns = append(n.conns, near)
	n.count++
	n.mu.Unlock()
	return near, nil
}

// pipes is a net.Listener in memory.
type pipes struct {
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
	serving sync.WaitGroup
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }

// shortConn breaks after a number of bytes, counted in both directions.
type shortConn struct {
	net.Conn
	mu   sync.Mutex
	left int
}

var errBroken = errors.New("the connection broke")

func (c *shortConn) take(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = min(n, c.left)
	c.left -= n
	return n
}

func (c *shortConn) Write(b []byte) (int, error) {
	may := c.take(len(b))
	n, err := c.Conn.Write(b[:may])
	if err == nil && may < len(b) {
		_ = c.Close()
		err = errBroken
	}
	return n, err
}

func (c *shortConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if may := c.take(n); may < n {
		_ = c.Close()
		return may, errBroken
	}
	return n, err
}

// seat opens a client and joins.
func (n *network) seat(name string) (*client.Client, protocol.Joined) {
	n.t.Helper()
	c, err := client.Dial(n.t.Context(), client.Config{URL: "http://memory", Name: name, DialContext: n.dial})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = c.Close() })
	joined, err := c.Join(n.t.Context(), "room")
	if err != nil {
		n.t.Fatal(err)
	}
	return c, joined
}

// transports returns the transports of the peers in the room, by id.
func (n *network) transports() map[string]string {
	all := make(map[string]string)
	for _, room := range n.server.Rooms() {
		for _, p := range room.Peers {
			all[p.Peer] = p.Transport + " " + p.State
		}
	}
	return all
}

// hearNext returns the next event of a type, and skips others.
func hearNext[E client.Event](t *testing.T, c *client.Client) E {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for {
		event, err := c.Receive(ctx)
		if err != nil {
			var none E
			t.Fatalf("in vain waited for a %T: %v", none, err)
		}
		if e, ok := event.(E); ok {
			return e
		}
	}
}

// between returns random numbers that are the same for the same seed.
func between(seed uint64, least, most int) func() int {
	random := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return least + random.IntN(most-least)
	}
}
