package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialWait = 2 * time.Second
	again    = 10 * time.Millisecond // before what failed is tried again
)

// attacker is one stranger with many addresses.
type attacker struct {
	sources []netip.Addr
	v4, v6  netip.Addr
	ports   struct{ http, https, udp, tcp, tls int }
	each    int // connections from each address

	tried, opened, sent atomic.Int64
	held, most          atomic.Int64
	undialed            atomic.Pointer[error] // why the last dial failed
}

// result is what an attack came to.
type result struct {
	Tried  int64  `json:"tried"`           // connections and requests begun
	Opened int64  `json:"opened"`          // those that the server let in
	Most   int64  `json:"most"`            // connections held at once
	Sent   int64  `json:"sent"`            // bytes
	Fault  string `json:"fault,omitempty"` // why the last connection was not made
}

func (a *attacker) result() result {
	r := result{Tried: a.tried.Load(), Opened: a.opened.Load(), Most: a.most.Load(), Sent: a.sent.Load()}
	if err := a.undialed.Load(); err != nil {
		r.Fault = (*err).Error()
	}
	return r
}

// crowd runs work n times for each source address, and again whenever it
// returns, until ctx ends.
func (a *attacker) crowd(ctx context.Context, n int, work func(ctx context.Context, source netip.Addr, i int)) {
	var all sync.WaitGroup
	for i := range n {
		for _, source := range a.sources {
			all.Go(func() {
				for pause(ctx, again) {
					work(ctx, source, i)
				}
			})
		}
	}
	all.Wait()
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// server returns the server's address of the source's family.
func (a *attacker) server(source netip.Addr, port int) string {
	to := a.v4
	if source.Is6() {
		to = a.v6
	}
	return net.JoinHostPort(to.String(), strconv.Itoa(port))
}

// conn is a connection that ends with its attack.
type conn struct {
	net.Conn
	attacker *attacker
	unhook   func() bool
	once     sync.Once
}

func (a *attacker) dial(ctx context.Context, source netip.Addr, port int) (*conn, error) {
	a.tried.Add(1)
	dialer := net.Dialer{Timeout: dialWait, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}
	raw, err := dialer.DialContext(ctx, "tcp", a.server(source, port))
	if err != nil {
		a.undialed.Store(&err)
		return nil, err
	}
	return a.keep(ctx, raw), nil
}

// keep counts a connection until it is closed.
func (a *attacker) keep(ctx context.Context, raw net.Conn) *conn {
	for now, done := a.held.Add(1), false; !done; {
		most := a.most.Load()
		done = now <= most || a.most.CompareAndSwap(most, now)
	}
	c := &conn{Conn: raw, attacker: a}
	c.unhook = context.AfterFunc(ctx, func() { _ = raw.Close() })
	return c
}

// dialTLS is dial with a TLS handshake; protocols are offered by ALPN.
func (a *attacker) dialTLS(ctx context.Context, source netip.Addr, port int, protocols ...string) (*conn, error) {
	c, err := a.dial(ctx, source, port)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}) //nolint:gosec // G402: whoever attacks does not ask whom
	if err := secure.HandshakeContext(ctx); err != nil {
		c.end()
		return nil, err
	}
	c.Conn = secure
	return c, nil
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.attacker.sent.Add(int64(n))
	return n, err
}

// end closes the connection; it may be called more than once.
func (c *conn) end() {
	c.once.Do(func() {
		c.unhook()
		c.attacker.held.Add(-1)
		_ = c.Close()
	})
}
