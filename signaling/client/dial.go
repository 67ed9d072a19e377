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

// How a line is opened.
const (
	openWait     = 8 * time.Second // for each transport
	blockedTwice = 2               // WebSockets that came to nothing, before HTTP is tried first
	httpFor      = 2 * time.Minute // before a WebSocket is tried first again
)

// dialer opens lines. Its methods are for one goroutine.
type dialer struct {
	config   *Config
	log      *slog.Logger
	endpoint *url.URL // of the WebSocket
	http     *http.Transport

	blocked   int       // WebSockets in a row that came to nothing
	httpUntil time.Time // until when HTTP is tried first
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
		TLSHandshakeTimeout:   openWait,
		ResponseHeaderTimeout: writeWait,
		DisableCompression:    true,
		MaxIdleConns:          2,
		IdleConnTimeout:       time.Minute,
	}}, nil
}

// endpointOf returns the WebSocket address for what a user calls the server.
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

// api returns the address of a path of the plain HTTP transport.
func (d *dialer) api(path string) string {
	u := *d.endpoint
	u.Scheme = "http" + strings.TrimPrefix(u.Scheme, "ws")
	u.Path = strings.TrimSuffix(u.Path, "/ws") + "/api/v1/" + path
	return u.String()
}

// close frees what is kept open between lines.
func (d *dialer) close() { d.http.CloseIdleConnections() }

// first opens a line for Dial: whoever calls it waits, so the first sign that
// WebSockets are blocked counts.
func (d *dialer) first(ctx context.Context) (line, error) { return d.open(ctx, 1) }

// again opens a line after another one.
func (d *dialer) again(ctx context.Context) (line, error) { return d.open(ctx, blockedTwice) }

func (d *dialer) open(ctx context.Context, enough int) (line, error) {
	if time.Now().Before(d.httpUntil) {
		l, err := d.overHTTP(ctx)
		if err == nil {
			return l, nil
		}
		d.log.Debug("no connection over HTTP", "err", err)
		d.httpUntil = time.Time{}
	}
	l, blocked, err := d.webSocket(ctx)
	if err == nil {
		return l, nil
	}
	if !blocked || d.config.NoReconnect {
		return nil, err
	}
	d.blocked++
	if _, refused := errors.AsType[*HandshakeError](err); !refused && d.blocked < enough {
		return nil, err
	}
	plain, httpErr := d.overHTTP(ctx)
	if httpErr == nil {
		d.httpUntil = time.Now().Add(httpFor)
		return plain, nil
	}
	if refused, ok := errors.AsType[*HandshakeError](httpErr); ok && refused.Code != "" {
		return nil, httpErr // the server itself: it knows better
	}
	return nil, err
}

// judge notes how a line ended: a WebSocket that never carried an answer is as
// good as blocked.
func (d *dialer) judge(l line, unanswered bool) {
	switch {
	case l.overHTTP():
	case !unanswered:
		d.blocked = 0
	default:
		if d.blocked++; d.blocked >= blockedTwice {
			d.httpUntil, d.blocked = time.Now().Add(httpFor), 0
		}
	}
}

// webSocket opens a WebSocket. blocked tells that the server's host can be
// reached and the WebSocket did not come about, which may be a proxy's doing.
func (d *dialer) webSocket(ctx context.Context) (l line, blocked bool, err error) {
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
		HandshakeTimeout: openWait,
		Subprotocols:     []string{protocol.Subprotocol},
	}
	ws, response, err := dialer.DialContext(ctx, d.endpoint.String(), d.config.Header)
	if err == nil {
		return newWebSocket(ws), false, nil
	}
	if response != nil {
		refused := handshakeError(response)
		// The server says bad_handshake to what a proxy has made of an upgrade.
		return nil, refused.Code == "" || refused.Code == "bad_handshake", refused
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, false, fmt.Errorf("dial: %w", cause)
	}
	return nil, reached.Load() && !isCertificateFault(err), fmt.Errorf("dial: %w", err)
}

// handshakeError makes an error of an HTTP response that is not the one
// hoped for, and closes it.
func handshakeError(response *http.Response) *HandshakeError {
	defer response.Body.Close()
	refused := &HandshakeError{Status: response.StatusCode}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		refused.After = min(time.Duration(seconds), holdOffMax/time.Second) * time.Second
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err == nil && json.Unmarshal(text, refused) != nil {
		refused.Message = strings.TrimSpace(string(text))
	}
	return refused
}
