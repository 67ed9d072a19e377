package main

import (
	"bufio"
	"net"
	"net/http"

	"callbox/frontend"
)

// bareBadRequest is what net/http itself answers to a request that it cannot
// parse. A path with a "%" that is no escape, such as /r/100%, is one, and
// browsers send it as it stands in the link; no handler ever sees it.
const bareBadRequest = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"

// badRequestPage is the same answer with a page for people, whose links lead
// below a base path.
type badRequestPage []byte

func newBadRequestPage(basePath string) badRequestPage { return frontend.BadRequest(basePath) }

// write writes p to conn, and the page in place of bareBadRequest. No other
// answer is equal to it: those of handlers have a date.
func (page badRequestPage) write(conn net.Conn, p []byte) (int, error) {
	if string(p) != bareBadRequest {
		return conn.Write(p)
	}
	if _, err := conn.Write(page); err != nil {
		return 0, err
	}
	return len(p), nil
}

// wordyListener is a listener of plain HTTP whose clients get page in place of
// bareBadRequest.
type wordyListener struct {
	net.Listener
	page badRequestPage
}

func (l wordyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wordyConn{conn, l.page}, nil
}

type wordyConn struct {
	net.Conn
	page badRequestPage
}

func (c *wordyConn) Write(p []byte) (int, error) { return c.page.write(c.Conn, p) }

// NetConn returns the connection below, for whoever counts those.
func (c *wordyConn) NetConn() net.Conn { return c.Conn }

// CloseWrite is for net/http, which ends a response early so that it arrives.
func (c *wordyConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// withBareConn lets a handler that takes a connection over have it as the
// listener below accepted it.
func withBareConn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(bareConnWriter{w}, r)
	})
}

type bareConnWriter struct{ http.ResponseWriter }

func (w bareConnWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack implements [http.Hijacker].
func (w bareConnWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if wordy, ok := conn.(*wordyConn); ok {
		conn = wordy.Conn
	}
	return conn, buffered, err
}
