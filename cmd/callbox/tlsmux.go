package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"callbox/internal/accept"
	"callbox/internal/netaddr"
)

const (
	// muxTimeout is how long a client may take for its handshake and the first
	// byte after it.
	muxTimeout = 10 * time.Second
	// acceptPause is the wait after a temporary error, such as too many open files.
	acceptPause = 50 * time.Millisecond
	// firstOfHTTP is the lowest first byte of HTTP, which begins with a capital letter.
	// The first byte of STUN messages, with which a TURN client begins, is lower
	// (RFC 7983 section 7).
	firstOfHTTP = 'A'
)

// turnProtocols returns the application protocols that TURN clients may offer: those of
// RFC 7443 and RFC 8833. If they were not supported here, the handshake with a client
// that offers one would fail with no_application_protocol (RFC 7301 section 3.2).
func turnProtocols() []string {
	return []string{"stun.turn", "stun.nat-discovery", "webrtc", "c-webrtc"}
}

// tlsMux shares a port between HTTPS and TURN over TLS, so that calls work where no
// other port is open. A client that has negotiated an application protocol (ALPN), as
// browsers do for pages, is recognised by it, and any other client by its first byte.
type tlsMux struct {
	inner  net.Listener
	config *tls.Config
	log    *slog.Logger
	page   badRequestPage
	limit  int // of unrecognised connections from one address; 0 = no limit
	conns  *accept.Table
	web    *muxListener
	turn   *muxListener

	work sync.WaitGroup

	mu      sync.Mutex
	pending map[netip.Addr]int
}

// newTLSMux returns a mux for the connections of inner, which conns counts. The caller
// must call run, and close inner and both sides.
func newTLSMux(inner net.Listener, config *tls.Config, limit int, conns *accept.Table, page badRequestPage, log *slog.Logger) *tlsMux {
	config = config.Clone()
	config.NextProtos = append(config.NextProtos, turnProtocols()...)
	return &tlsMux{
		inner: inner, config: config, log: log, page: page, limit: limit, conns: conns,
		web: newMuxListener(inner.Addr()), turn: newMuxListener(inner.Addr()),
		pending: map[netip.Addr]int{},
	}
}

// run passes connections to the two sides until inner is closed. It returns after the
// connections that neither side has accepted by then are closed.
func (m *tlsMux) run() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer m.work.Wait()
	defer cancel()
	for {
		conn, err := m.inner.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			m.log.Debug("accept", "err", err)
			time.Sleep(acceptPause) //nolint:forbidigo // without a pause, the loop would use a whole processor until the error passes
			continue
		}
		client := netaddr.Client(netaddr.AddrPort(conn.RemoteAddr()).Addr())
		if !m.acquire(client) {
			_ = conn.Close() // nothing depends on how it ends
			continue
		}
		m.conns.State(conn, http.StateNew)
		m.work.Go(func() {
			side, secured := m.identify(ctx, conn)
			m.release(client)
			if side == m.turn {
				m.conns.Release(conn) // the TURN server counts its own
			}
			if side == nil || !side.offer(ctx, secured) {
				_ = conn.Close()
			}
		})
	}
}

// identify does the handshake of a connection and returns the side to which it
// belongs; nil = neither.
func (m *tlsMux) identify(ctx context.Context, raw net.Conn) (*muxListener, net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, muxTimeout)
	defer cancel()
	conn := tls.Server(raw, m.config)
	if err := conn.HandshakeContext(ctx); err != nil {
		answerPlainHTTP(err)
		return nil, nil
	}
	switch protocol := conn.ConnectionState().NegotiatedProtocol; {
	case slices.Contains(turnProtocols(), protocol):
		return m.turn, conn
	case protocol == "http/1.1":
		return m.web, &replayConn{Conn: conn, page: m.page}
	case protocol != "":
		return m.web, conn
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	first := make([]byte, 1)
	_, err := conn.Read(first)
	if !stop() || err != nil {
		return nil, nil
	}
	replay := &replayConn{Conn: conn, page: m.page, first: first}
	if first[0] < firstOfHTTP {
		return m.turn, replay
	}
	return m.web, replay
}

// answerPlainHTTP answers a client that speaks plain HTTP, as net/http does.
func answerPlainHTTP(err error) {
	var record tls.RecordHeaderError
	if !errors.As(err, &record) || record.Conn == nil || record.RecordHeader[0] < firstOfHTTP || record.RecordHeader[0] > 'Z' {
		return
	}
	const answer = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
	_, _ = record.Conn.Write([]byte(answer)) // it is closed in any case
}

func (m *tlsMux) acquire(client netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.limit > 0 && m.pending[client] >= m.limit {
		return false
	}
	m.pending[client]++
	return true
}

func (m *tlsMux) release(client netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending[client]--; m.pending[client] <= 0 {
		delete(m.pending, client)
	}
}

// muxListener is one side of a tlsMux.
type muxListener struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMuxListener(addr net.Addr) *muxListener {
	return &muxListener{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// offer passes a connection to the side, and reports whether it accepted it.
func (l *muxListener) offer(ctx context.Context, conn net.Conn) bool {
	select {
	case l.conns <- conn:
		return true
	case <-l.closed:
	case <-ctx.Done():
	}
	return false
}

func (l *muxListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *muxListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *muxListener) Addr() net.Addr { return l.addr }

// replayConn is a TLS connection from which bytes may have been read already; Read
// returns them first. It also replaces plainBadRequest by page.
type replayConn struct {
	*tls.Conn
	page  badRequestPage
	first []byte
}

func (c *replayConn) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	c.first = c.first[n:]
	return n, nil
}

func (c *replayConn) Write(p []byte) (int, error) { return c.page.write(c.Conn, p) }

// NetConn returns the TLS connection itself. Before reading from it, the caller must
// have read from this one.
func (c *replayConn) NetConn() net.Conn { return c.Conn }

// HandshakeContext does nothing, because the handshake is complete.
func (c *replayConn) HandshakeContext(context.Context) error { return nil }

type tlsStateKey struct{}

// rememberTLS is for the ConnContext of an http.Server. With it, withTLSState sets the
// TLS state of requests that come over a replayConn, because net/http recognises only
// a bare *tls.Conn.
func rememberTLS(ctx context.Context, conn net.Conn) context.Context {
	if replay, ok := conn.(*replayConn); ok {
		return context.WithValue(ctx, tlsStateKey{}, replay.ConnectionState())
	}
	return ctx
}

func withTLSState(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if state, ok := r.Context().Value(tlsStateKey{}).(tls.ConnectionState); ok {
			r.TLS = &state
		}
		next.ServeHTTP(w, r)
	})
}
