package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"callbox/internal/accept"
	"callbox/internal/budget"
)

const (
	readHeaderTimeout = 5 * time.Second // slow-loris
	readTimeout       = 30 * time.Second
	maxHeaderBytes    = 16 << 10

	// The longest answer of the web listeners is a file of the page; streams of
	// events have deadlines of their own.
	webWriteTimeout = 20 * time.Second
	webIdleTimeout  = 30 * time.Second

	// The admin listener also answers with profiles, which take their time.
	adminWriteTimeout = time.Minute
	adminIdleTimeout  = 2 * time.Minute
	// adminConnections leaves descriptors for everything else when the admin
	// listener is open to a network.
	adminConnections = 64

	// perLimit is how many TCP connections, and requests at a time, a client
	// address may have for each of --limit-connections: a WebSocket, and what a
	// browser opens beside it.
	perLimit = 2
)

// webBounds bound what the clients of --http and --https hold.
type webBounds struct {
	conns    *accept.Table
	requests *requests
}

// newWebBounds makes the bounds of a server whose clients may each have limit
// signaling connections (0 = no bound for each client), and all of them their
// share of the descriptors. What they hold is charged to memory.
func newWebBounds(limit int, shares descriptorShares, memory *budget.Memory, proxies *trustedProxies) *webBounds {
	return &webBounds{
		conns: accept.New(accept.Config{
			All:        shares.web,
			PerAddress: perLimit * limit,
			Exempt:     proxies.trusts,
			Memory:     memory,
		}),
		requests: newRequests(perLimit*limit, memory, proxies.clientAddr),
	}
}

// newServer returns a server of the web listeners.
func (b *webBounds) newServer(handler http.Handler, config *tls.Config, log *slog.Logger) *http.Server {
	server := newHTTPServer(handler, b.conns, log)
	server.TLSConfig = config
	server.WriteTimeout = webWriteTimeout
	server.IdleTimeout = webIdleTimeout
	server.HTTP2 = webHTTP2()
	return server
}

// webHTTP2 bounds what a connection of HTTP/2 can pin: streams that wait for the
// client, each with its goroutine and headers, frames that have not arrived
// whole, and bodies that nobody has read yet.
func webHTTP2() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          16,
		MaxReadFrameSize:              16 << 10,
		MaxReceiveBufferPerConnection: 64 << 10,
		MaxReceiveBufferPerStream:     32 << 10,
		WriteByteTimeout:              webWriteTimeout,
	}
}

func newHTTPServer(handler http.Handler, conns *accept.Table, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         conns.State,
		// OPTIONS * is answered as everything else is.
		DisableGeneralOptionsHandler: true,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return accept.WithConn(rememberPeeked(ctx, conn), conn)
		},
		// Handshakes that fail and the like: what strangers do, with addresses.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// serveAdmin serves the admin listener. When the process is out of descriptors,
// connections of before give way to those of the operator.
func (p *turnPart) serveAdmin(group *errgroup.Group, handler http.Handler, before *accept.Table) *http.Server {
	conns := accept.New(accept.Config{All: adminConnections, Before: before})
	server := newHTTPServer(handler, conns, p.log)
	server.WriteTimeout = adminWriteTimeout
	server.IdleTimeout = adminIdleTimeout
	listener := conns.Listener(p.listeners.admin, accept.Plain)
	group.Go(func() error { return p.serveHTTP(server, listener) })
	return server
}

// holdStreams keeps the connections of event streams, which carry calls as
// WebSockets do, from giving way to newcomers. Signaling bounds how many an
// address has.
func holdStreams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/events") {
			defer accept.Hold(r.Context())()
		}
		next.ServeHTTP(w, r)
	})
}
