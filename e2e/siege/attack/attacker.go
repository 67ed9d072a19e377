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
	again    = 10 * time.Millisecond // before the next attempt
)

// attacker runs an attack from many source addresses, and counts what it does.
type attacker struct {
	sources []netip.Addr
	v4, v6  netip.Addr
	ports   struct{ http, https, udp, tcp, tls int }
	each    int // connections from each address

	tried, opened, sent atomic.Int64
	held, most          atomic.Int64
	dialError           atomic.Pointer[error] // of the last dial that failed
}

// result is the outcome of an attack.
type result struct {
	Tried  int64  `json:"tried"`           // connections and requests that were started
	Opened int64  `json:"opened"`          // those that the server accepted
	Most   int64  `json:"most"`            // the most connections that were open at once
	Sent   int64  `json:"sent"`            // bytes
	Fault  string `json:"fault,omitempty"` // the last error of a dial
}

func (a *attacker) result() result {
	r := result{Tried: a.tried.Load(), Opened: a.opened.Load(), Most: a.most.Load(), Sent: a.sent.Load()}
	if err := a.dialError.Load(); err != nil {
		r.Fault = (*err).Error()
	}
	return r
}

// repeat runs work in n goroutines for each source address, again and again, until
// ctx ends.
func (a *attacker) repeat(ctx context.Context, n int, work func(ctx context.Context, source netip.Addr, i int)) {
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

// pause waits for d or the end of ctx. It reports whether ctx has not ended.
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

// server returns the server's address in the address family of source.
func (a *attacker) server(source netip.Addr, port int) string {
	to := a.v4
	if source.Is6() {
		to = a.v6
	}
	return net.JoinHostPort(to.String(), strconv.Itoa(port))
}

// conn is a connection that is closed when the attack ends.
type conn struct {
	net.Conn
	attacker *attacker
	detach   func() bool // from the attack's context
	once     sync.Once
}

func (a *attacker) dial(ctx context.Context, source netip.Addr, port int) (*conn, error) {
	a.tried.Add(1)
	dialer := net.Dialer{Timeout: dialWait, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}
	raw, err := dialer.DialContext(ctx, "tcp", a.server(source, port))
	if err != nil {
		a.dialError.Store(&err)
		return nil, err
	}
	return a.count(ctx, raw), nil
}

// count counts a connection until it is closed.
func (a *attacker) count(ctx context.Context, raw net.Conn) *conn {
	for now, done := a.held.Add(1), false; !done; {
		most := a.most.Load()
		done = now <= most || a.most.CompareAndSwap(most, now)
	}
	c := &conn{Conn: raw, attacker: a}
	c.detach = context.AfterFunc(ctx, func() { _ = raw.Close() })
	return c
}

// dialTLS is dial with a TLS handshake that offers protocols by ALPN.
func (a *attacker) dialTLS(ctx context.Context, source netip.Addr, port int, protocols ...string) (*conn, error) {
	c, err := a.dial(ctx, source, port)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}) //nolint:gosec // G402: an attacker does not verify certificates
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
		c.detach()
		c.attacker.held.Add(-1)
		_ = c.Close()
	})
}
