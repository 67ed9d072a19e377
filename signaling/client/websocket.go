package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"
)

// webSocket is a line over WebSocket.
type webSocket struct {
	ws    *websocket.Conn
	heard func()
}

func newWebSocket(ws *websocket.Conn) *webSocket {
	w := &webSocket{ws: ws, heard: func() {}}
	ws.SetReadLimit(frameLimit)
	answer := ws.PingHandler()
	ws.SetPingHandler(func(text string) error {
		w.heard()
		return answer(text)
	})
	return w
}

func (w *webSocket) onHeard(heard func()) { w.heard = heard }

func (w *webSocket) overHTTP() bool { return false }

func (w *webSocket) send(frame []byte) ([]byte, error) {
	err := w.ws.SetWriteDeadline(time.Now().Add(writeWait))
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
	w.heard()
	return text, nil
}

func (w *webSocket) close(bool) {
	farewell := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if w.ws.WriteControl(websocket.CloseMessage, farewell, time.Now().Add(closeWait)) != nil {
		w.cut()
	}
}

func (w *webSocket) cut() { _ = w.ws.Close() } // nothing more is wanted of it
