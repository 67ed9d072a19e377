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

	// The longest response of the web listeners is a file of the page; event streams
	// have their own deadlines.
	webWriteTimeout = 20 * time.Second
	webIdleTimeout  = 30 * time.Second

	// The admin listener also serves profiles, which take time.
	adminWriteTimeout = time.Minute
	adminIdleTimeout  = 2 * time.Minute
	// adminConnections leaves descriptors for everything else if the admin listener is
	// open to a network.
	adminConnections = 64

	// perLimit is how many TCP connections, and concurrent requests, a client address
	// may have for each of --limit-connections: a WebSocket, and what a browser opens
	// besides it.
	perLimit = 2
)

// webLimits limits what the clients of --http and --https can use.
type webLimits struct {
	conns    *accept.Table
	requests *requests
}

// newWebLimits returns the limits of a server. Each client address may have limit
// signaling connections (0 = no limit), and all clients together their share of the
// descriptors. What they use is charged to memory.
func newWebLimits(limit int, shares descriptorShares, memory *budget.Memory, proxies *trustedProxies) *webLimits {
	return &webLimits{
		conns: accept.New(accept.Config{
			All:        shares.web,
			PerAddress: perLimit * limit,
			Exempt:     proxies.trusts,
			Memory:     memory,
		}),
		requests: newRequests(perLimit*limit, memory, proxies.clientAddr),
	}
}

// newServer returns an HTTP server for a web listener.
func (b *webLimits) newServer(handler http.Handler, config *tls.Config, log *slog.Logger) *http.Server {
	server := newHTTPServer(handler, b.conns, log)
	server.TLSConfig = config
	server.WriteTimeout = webWriteTimeout
	server.IdleTimeout = webIdleTimeout
	server.HTTP2 = webHTTP2()
	return server
}

// webHTTP2 limits the memory that an HTTP/2 connection can pin: streams that wait for
// the client, each with a goroutine and headers, incomplete frames, and unread bodies.
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
		// OPTIONS * goes through the same handlers as everything else.
		DisableGeneralOptionsHandler: true,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return accept.WithConn(rememberTLS(ctx, conn), conn)
		},
		// Failed handshakes and the like: strangers cause them, and they contain addresses.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// serveAdmin serves the admin listener. If the process runs out of descriptors,
// connections of before are closed to make room for those of the operator.
func (p *turnService) serveAdmin(group *errgroup.Group, handler http.Handler, before *accept.Table) *http.Server {
	conns := accept.New(accept.Config{All: adminConnections, Before: before})
	server := newHTTPServer(handler, conns, p.log)
	server.WriteTimeout = adminWriteTimeout
	server.IdleTimeout = adminIdleTimeout
	listener := conns.Listener(p.listeners.admin, accept.Plain)
	group.Go(func() error { return p.serveHTTP(server, listener) })
	return server
}

// holdStreams protects the connections of event streams, which carry the signaling of
// calls as WebSockets do, from being closed to make room for new ones. Signaling limits
// how many an address may have.
func holdStreams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/events") {
			defer accept.Hold(r.Context())()
		}
		next.ServeHTTP(w, r)
	})
}
