package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling/protocol"
)

const (
	dialTimeout = 8 * time.Second // for each transport
	maxBlocked  = 2               // failed WebSockets in a row before HTTP is tried first
	httpPeriod  = 2 * time.Minute // how long HTTP is tried first
)

// dialer opens transports. Its methods must not be called concurrently.
type dialer struct {
	config   *Config
	log      *slog.Logger
	endpoint *url.URL // of the WebSocket
	http     *http.Transport

	blocked   int       // WebSockets in a row that failed, perhaps because something blocks them
	httpUntil time.Time // until then HTTP is tried first
}

func newDialer(config *Config, log *slog.Logger) (*dialer, error) {
	endpoint, err := endpointOf(config.URL)
	if err != nil {
		return nil, err
	}
	return &dialer{config: config, log: log, endpoint: endpoint, http: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           config.DialContext,
		TLSClientConfig:       config.TLS,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: writeTimeout,
		DisableCompression:    true,
		MaxIdleConns:          2,
		IdleConnTimeout:       time.Minute,
	}}, nil
}

// endpointOf returns the URL of the WebSocket of a server at address.
func endpointOf(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("server address: %w", err)
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return nil, fmt.Errorf("server address %q does not begin with http:// or https://", address)
	}
	if u.Host == "" {
		return nil, fmt.Errorf("server address %q names no host", address)
	}
	if !strings.HasSuffix(u.Path, "/ws") {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/ws"
	}
	u.RawQuery, u.Fragment = "", ""
	return u, nil
}

// api returns the URL of a path of the plain HTTP transport.
func (d *dialer) api(path string) string {
	u := *d.endpoint
	u.Scheme = "http" + strings.TrimPrefix(u.Scheme, "ws")
	u.Path = strings.TrimSuffix(u.Path, "/ws") + "/api/v1/" + path
	return u.String()
}

// close closes the idle HTTP connections.
func (d *dialer) close() { d.http.CloseIdleConnections() }

// dial opens the client's first transport. Because the caller of Dial waits, it
// tries HTTP at the first sign that WebSockets are blocked.
func (d *dialer) dial(ctx context.Context) (transport, error) { return d.open(ctx, 1) }

// redial opens another transport after the first.
func (d *dialer) redial(ctx context.Context) (transport, error) { return d.open(ctx, maxBlocked) }

// open opens a transport. It tries HTTP after a WebSocket if maxBlocked
// WebSockets in a row have failed.
func (d *dialer) open(ctx context.Context, maxBlocked int) (transport, error) {
	if time.Now().Before(d.httpUntil) {
		t, err := d.dialHTTP(ctx)
		if err == nil {
			return t, nil
		}
		d.log.Debug("no connection over HTTP", "err", err)
		d.httpUntil = time.Time{}
	}
	t, blocked, err := d.dialWebSocket(ctx)
	if err == nil {
		return t, nil
	}
	if !blocked || d.config.NoReconnect {
		return nil, err
	}
	d.blocked++
	if _, refused := errors.AsType[*HandshakeError](err); !refused && d.blocked < maxBlocked {
		return nil, err
	}
	plain, httpErr := d.dialHTTP(ctx)
	if httpErr == nil {
		d.httpUntil = time.Now().Add(httpPeriod)
		return plain, nil
	}
	if refused, ok := errors.AsType[*HandshakeError](httpErr); ok && refused.Code != "" {
		return nil, httpErr // the answer came from the server itself, so its reason is the right one
	}
	return nil, err
}

// recordOutcome notes how a transport ended. A WebSocket on which a join was
// never answered counts as blocked.
func (d *dialer) recordOutcome(t transport, unanswered bool) {
	switch {
	case t.isHTTP():
	case !unanswered:
		d.blocked = 0
	default:
		if d.blocked++; d.blocked >= maxBlocked {
			d.httpUntil, d.blocked = time.Now().Add(httpPeriod), 0
		}
	}
}

// dialWebSocket opens a WebSocket. blocked reports that the server's host was
// reached but the WebSocket handshake failed, which a proxy may have caused.
func (d *dialer) dialWebSocket(ctx context.Context) (t transport, blocked bool, err error) {
	var reached atomic.Bool
	dial := d.config.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	dialer := websocket.Dialer{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: d.config.TLS,
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			reached.Store(err == nil)
			return conn, err
		},
		HandshakeTimeout: dialTimeout,
		Subprotocols:     []string{protocol.Subprotocol},
	}
	ws, response, err := dialer.DialContext(ctx, d.endpoint.String(), d.config.Header)
	if err == nil {
		return newWebSocket(ws), false, nil
	}
	if response != nil {
		refused := handshakeError(response)
		// The server answers bad_handshake if a proxy has spoiled the upgrade request.
		return nil, refused.Code == "" || refused.Code == "bad_handshake", refused
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, false, fmt.Errorf("dial: %w", cause)
	}
	return nil, reached.Load() && !isCertificateFault(err), fmt.Errorf("dial: %w", err)
}

// handshakeError returns an error for an HTTP response that refuses the
// connection, and closes the response.
func handshakeError(response *http.Response) *HandshakeError {
	defer response.Body.Close()
	refused := &HandshakeError{Status: response.StatusCode}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		refused.After = min(time.Duration(seconds), maxRetryAfter/time.Second) * time.Second
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err == nil && json.Unmarshal(text, refused) != nil {
		refused.Message = strings.TrimSpace(string(text))
	}
	return refused
}
