package main

import (
	"bufio"
	"net"
	"net/http"

	"callbox/frontend"
)

// plainBadRequest is what net/http itself answers to a request that it cannot parse,
// such as one for a path with a "%" that is no escape (/r/100%). Browsers send such a
// path as it is in the link, and no handler ever sees the request.
const plainBadRequest = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"

// badRequestPage is the same answer with a page for people. The links in the page
// lead below a base path.
type badRequestPage []byte

func newBadRequestPage(basePath string) badRequestPage { return frontend.BadRequest(basePath) }

// write writes p to conn, or the page if p is plainBadRequest. No other answer is
// equal to that one, because those of handlers contain a date.
func (page badRequestPage) write(conn net.Conn, p []byte) (int, error) {
	if string(p) != plainBadRequest {
		return conn.Write(p)
	}
	if _, err := conn.Write(page); err != nil {
		return 0, err
	}
	return len(p), nil
}

// badRequestListener is a listener of plain HTTP whose clients get page in place of
// plainBadRequest.
type badRequestListener struct {
	net.Listener
	page badRequestPage
}

func (l badRequestListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &badRequestConn{conn, l.page}, nil
}

type badRequestConn struct {
	net.Conn
	page badRequestPage
}

func (c *badRequestConn) Write(p []byte) (int, error) { return c.page.write(c.Conn, p) }

// NetConn returns the inner connection, for the table that counts connections.
func (c *badRequestConn) NetConn() net.Conn { return c.Conn }

// CloseWrite is for net/http, which uses it so that a response arrives although the
// request was not read completely.
func (c *badRequestConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// withInnerConn makes Hijack return the inner connection, as the inner listener
// accepted it.
func withInnerConn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(innerConnWriter{w}, r)
	})
}

type innerConnWriter struct{ http.ResponseWriter }

func (w innerConnWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack implements [http.Hijacker].
func (w innerConnWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if wrapped, ok := conn.(*badRequestConn); ok {
		conn = wrapped.Conn
	}
	return conn, buffered, err
}
