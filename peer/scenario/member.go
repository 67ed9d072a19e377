package scenario

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"callbox/peer"
)

// member is a part in one run.
type member struct {
	part   *part
	gate   gate
	call   *peer.Call   // nil = not in a room
	report *peer.Report // of the last call that ended; nil = none

	frames atomic.Int64 // received in all calls of this run
	// How many events of the call a wait, and a chat, have seen.
	seen, texts int
}

// await waits for the next event after cursor that matches, and moves cursor behind it.
func (m *member) await(ctx context.Context, cursor *int, matches func(peer.Event) bool) error {
	if m.call == nil {
		return errNotInRoom
	}
	number := 0
	for e := range m.call.Events(ctx) {
		number += e.Missed + 1
		if number > *cursor && matches(e) {
			*cursor = number
			return nil
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	report := m.call.Wait()
	return &peer.EndedError{Code: report.ExitCode, Reason: report.Reason}
}

var (
	errNotInRoom = errors.New("it is not in a room")
	errCut       = errors.New("the way to the server is cut")
)

// gate is the way of a member to the server.
type gate struct {
	mu    sync.Mutex
	conns map[*gateConn]struct{}
	open  time.Time // when connections can be opened again
}

// dial is peer.Config.DialServer.
func (g *gate) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if g.isCut(time.Now()) {
		return nil, errCut
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	kept := &gateConn{Conn: conn, gate: g}
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Now().Before(g.open) { // cut meanwhile
		_ = conn.Close()
		return nil, errCut
	}
	if g.conns == nil {
		g.conns = make(map[*gateConn]struct{})
	}
	g.conns[kept] = struct{}{}
	return kept, nil
}

func (g *gate) isCut(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return now.Before(g.open)
}

// cut breaks all connections, and refuses new ones for some time.
func (g *gate) cut(away time.Duration) {
	g.mu.Lock()
	g.open = time.Now().Add(away)
	var all []*gateConn
	for conn := range g.conns {
		all = append(all, conn)
	}
	g.mu.Unlock()
	for _, conn := range all {
		_ = conn.Close()
	}
}

// gateConn is a connection that the gate knows until it is closed.
type gateConn struct {
	net.Conn
	gate *gate
}

// Close implements net.Conn.
func (c *gateConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
