package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling/protocol"
)

// openWebSocket opens a WebSocket as a page does, and sees whether anything gets through it.
func (r *run) openWebSocket(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, httpTime)
	defer cancel()
	begun := time.Now()
	err := r.pingWebSocket(ctx)
	if err != nil {
		return fault(WebSocket, Fail, WebSocketBroken, "Blocked.", sentence(err),
			"Calls use plain HTTP instead. If you run the server: have the proxy in front pass WebSockets on (its Upgrade and Connection headers).")
	}
	took := time.Since(begun)
	return good(WebSocket, fmt.Sprintf("Answered in %d ms.", took.Milliseconds())).took(took)
}

// pingWebSocket opens a WebSocket and exchanges a ping, which a proxy may hold back.
func (r *run) pingWebSocket(ctx context.Context) error {
	dialer := websocket.Dialer{TLSClientConfig: anyCertificate(r.url.Hostname()), Subprotocols: []string{protocol.Subprotocol}}
	header := http.Header{}
	if r.origin != "" {
		header.Set("Origin", r.origin)
	}
	conn, response, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(r.url.String(), "http")+"/ws", header)
	if response != nil {
		defer response.Body.Close()
	}
	switch {
	case err != nil && response != nil:
		return fmt.Errorf("a proxy or a security program on the way answers instead (HTTP status %d)", response.StatusCode)
	case err != nil:
		return errors.New("a proxy or a security program on the way cuts the connection: " + shortError(err))
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.UnderlyingConn().SetDeadline(time.Unix(1, 0)) })() // ends the reading
	answered := false
	conn.SetPongHandler(func(string) error {
		answered = true
		return conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(httpTime))
	})
	if err := conn.WriteControl(websocket.PingMessage, []byte("doctor"), time.Now().Add(httpTime)); err != nil {
		return errors.New("nothing could be sent through it: " + shortError(err))
	}
	for {
		// Ends with the server's close, or with ctx.
		if _, _, err := conn.ReadMessage(); err != nil {
			break
		}
	}
	if !answered {
		return errors.New("it opens, but nothing comes through it")
	}
	return nil
}
