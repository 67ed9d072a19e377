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
	// acceptPause is waited after an error that passes, such as too many open
	// files.
	acceptPause = 50 * time.Millisecond
	// firstOfHTTP is the lowest first byte of HTTP, which begins with a capital
	// letter. STUN messages, with which a TURN client begins, are below
	// (RFC 7983 section 7).
	firstOfHTTP = 'A'
)

// turnProtocols are the application protocols that TURN clients may offer: those of
// RFC 7443, and of RFC 8833. Were they not known here, the handshake with a client that
// does would end with no_application_protocol (RFC 7301 section 3.2).
func turnProtocols() []string {
	return []string{"stun.turn", "stun.nat-discovery", "webrtc", "c-webrtc"}
}

// tlsMux shares a port between HTTPS and TURN over TLS, so that a call works
// where no other port is open. A client that has agreed on an application
// protocol, as browsers do for pages, is known by it; of all others the first
// byte tells.
type tlsMux struct {
	inner  net.Listener
	config *tls.Config
	log    *slog.Logger
	page   badRequestPage
	limit  int // of clients of one address that have not told yet; 0 = none
	conns  *accept.Table
	web    *muxListener
	turn   *muxListener

	work sync.WaitGroup

	mu      sync.Mutex
	pending map[netip.Addr]int
}

// newTLSMux takes the connections of inner, which conns counts, when it is run.
// The caller closes inner and both sides.
func newTLSMux(inner net.Listener, config *tls.Config, limit int, conns *accept.Table, page badRequestPage, log *slog.Logger) *tlsMux {
	config = config.Clone()
	config.NextProtos = append(config.NextProtos, turnProtocols()...)
	return &tlsMux{
		inner: inner, config: config, log: log, page: page, limit: limit, conns: conns,
		web: newMuxListener(inner.Addr()), turn: newMuxListener(inner.Addr()),
		pending: map[netip.Addr]int{},
	}
}

// run hands connections to the two sides until inner is closed. It returns when
// the connections that nobody has got by then are closed.
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
			time.Sleep(acceptPause) //nolint:forbidigo // a loop without a pause would take the processor until it passes
			continue
		}
		client := netaddr.Client(netaddr.AddrPort(conn.RemoteAddr()).Addr())
		if !m.enter(client) {
			_ = conn.Close() // nothing depends on how it ends
			continue
		}
		m.conns.State(conn, http.StateNew)
		m.work.Go(func() {
			side, secured := m.identify(ctx, conn)
			m.leave(client)
			if side == m.turn {
				m.conns.Release(conn) // the TURN server counts its own
			}
			if side == nil || !side.offer(ctx, secured) {
				_ = conn.Close()
			}
		})
	}
}

// identify carries out a connection's handshake and finds out whose it is; nil =
// nobody's.
func (m *tlsMux) identify(ctx context.Context, raw net.Conn) (*muxListener, net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, muxTimeout)
	defer cancel()
	conn := tls.Server(raw, m.config)
	if err := conn.HandshakeContext(ctx); err != nil {
		tellPlainHTTP(err)
		return nil, nil
	}
	switch protocol := conn.ConnectionState().NegotiatedProtocol; {
	case slices.Contains(turnProtocols(), protocol):
		return m.turn, conn
	case protocol == "http/1.1":
		return m.web, &peekedConn{Conn: conn, page: m.page}
	case protocol != "":
		return m.web, conn
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	first := make([]byte, 1)
	_, err := conn.Read(first)
	if !stop() || err != nil {
		return nil, nil
	}
	peeked := &peekedConn{Conn: conn, page: m.page, first: first}
	if first[0] < firstOfHTTP {
		return m.turn, peeked
	}
	return m.web, peeked
}

// tellPlainHTTP answers a client that has begun with http:// as net/http does.
func tellPlainHTTP(err error) {
	var record tls.RecordHeaderError
	if !errors.As(err, &record) || record.Conn == nil || record.RecordHeader[0] < firstOfHTTP || record.RecordHeader[0] > 'Z' {
		return
	}
	const answer = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
	_, _ = record.Conn.Write([]byte(answer)) // it is closed in any case
}

func (m *tlsMux) enter(client netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.limit > 0 && m.pending[client] >= m.limit {
		return false
	}
	m.pending[client]++
	return true
}

func (m *tlsMux) leave(client netip.Addr) {
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

// offer says whether the side has taken the connection.
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

// peekedConn is a TLS connection that HTTP/1.1 is spoken on. Read begins with
// what has been read of it already.
type peekedConn struct {
	*tls.Conn
	page  badRequestPage
	first []byte
}

func (c *peekedConn) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	c.first = c.first[n:]
	return n, nil
}

func (c *peekedConn) Write(p []byte) (int, error) { return c.page.write(c.Conn, p) }

// NetConn returns the TLS connection itself. Whoever reads from it must have
// read something from this one before.
func (c *peekedConn) NetConn() net.Conn { return c.Conn }

// HandshakeContext does nothing: the handshake was carried out.
func (c *peekedConn) HandshakeContext(context.Context) error { return nil }

type peekedKey struct{}

// rememberPeeked is a http.Server's ConnContext, and withPeekedTLS has requests
// that came over a peekedConn say so: net/http sees TLS only where nothing
// stands around it.
func rememberPeeked(ctx context.Context, conn net.Conn) context.Context {
	if peeked, ok := conn.(*peekedConn); ok {
		return context.WithValue(ctx, peekedKey{}, peeked.ConnectionState())
	}
	return ctx
}

func withPeekedTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if state, ok := r.Context().Value(peekedKey{}).(tls.ConnectionState); ok {
			r.TLS = &state
		}
		next.ServeHTTP(w, r)
	})
}
