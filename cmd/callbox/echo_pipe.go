package main

import (
	"context"
	"errors"
	"net"
	"sync"
)

var errPipeClosed = errors.New("the listener is closed")

// pipeListener accepts connections of this process, which it opens itself.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// dial opens a connection, whatever the address.
func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- pipeConn{far}:
		return near, nil
	case <-l.closed:
		return nil, errPipeClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Accept implements net.Listener.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, errPipeClosed
	}
}

// Close implements net.Listener.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *pipeListener) Addr() net.Addr { return pipeAddr() }

// pipeAddr is the remote address of every pipeConn: the unspecified address, which no client has.
// So no client can use up the connections and joins that one address may have.
func pipeAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero} }

// pipeConn is the server's end of a connection.
type pipeConn struct{ net.Conn }

// RemoteAddr implements net.Conn.
func (pipeConn) RemoteAddr() net.Addr { return pipeAddr() }
