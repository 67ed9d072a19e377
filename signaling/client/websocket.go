package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"
)

// webSocket is a transport over WebSocket.
type webSocket struct {
	ws           *websocket.Conn
	noteActivity func()
}

func newWebSocket(ws *websocket.Conn) *webSocket {
	w := &webSocket{ws: ws, noteActivity: func() {}}
	ws.SetReadLimit(maxFrameBytes)
	answer := ws.PingHandler()
	ws.SetPingHandler(func(text string) error {
		w.noteActivity()
		return answer(text)
	})
	return w
}

func (w *webSocket) onActivity(noteActivity func()) { w.noteActivity = noteActivity }

func (w *webSocket) isHTTP() bool { return false }

func (w *webSocket) send(frame []byte) ([]byte, error) {
	err := w.ws.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		err = w.ws.WriteMessage(websocket.TextMessage, frame)
	}
	if err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	return nil, nil
}

func (w *webSocket) receive() ([]byte, error) {
	_, text, err := w.ws.ReadMessage()
	if err != nil {
		closed, ok := errors.AsType[*websocket.CloseError](err)
		if ok && closed.Code != websocket.CloseAbnormalClosure {
			return nil, &CloseError{Code: closed.Code, Text: closed.Text}
		}
		return nil, fmt.Errorf("read: %w", err)
	}
	w.noteActivity()
	return text, nil
}

func (w *webSocket) closeGracefully(bool) {
	message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if w.ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(closeTimeout)) != nil {
		w.abort()
	}
}

func (w *webSocket) abort() { _ = w.ws.Close() } // an error changes nothing
