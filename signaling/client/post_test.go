package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/gorilla/websocket"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// TestPostDoesNotWait uses a server that acks nothing before it has received everything.
func TestPostDoesNotWait(t *testing.T) {
	const messages = 5
	url := stub(t, func(ws *websocket.Conn) {
		var ids []uint64
		for i := range messages {
			_, text, err := ws.ReadMessage()
			if err != nil {
				return
			}
			request, err := protocol.DecodeRequest(text)
			message, ok := request.(protocol.Message)
			if err != nil || !ok || string(message.Data) != fmt.Sprint(i) {
				t.Errorf("message %d is %s: %v", i, text, err)
				return
			}
			ids = append(ids, message.ID)
		}
		for _, id := range ids[:messages-1] {
			_ = ws.WriteMessage(websocket.TextMessage, protocol.Encode(protocol.Ack{ID: id, To: []string{"p"}}))
		}
		last := protocol.Error{ID: ids[messages-1], Code: protocol.CodeNoSuchPeer}
		_ = ws.WriteMessage(websocket.TextMessage, protocol.Encode(last))
		_, _, _ = ws.ReadMessage()
	})
	c := dial(t, client.Config{NoReconnect: true, URL: url})
	var posted []*client.Sent
	for i := range messages {
		sent, err := c.Post("p", i)
		if err != nil {
			t.Fatal(err)
		}
		posted = append(posted, sent)
	}
	for i, sent := range posted[:messages-1] {
		if ack, err := sent.Ack(within(t)); err != nil || len(ack.To) != 1 {
			t.Errorf("ack %d = %+v, %v", i, ack, err)
		}
	}
	_, err := posted[messages-1].Ack(within(t))
	if fault, ok := errors.AsType[protocol.Error](err); !ok || fault.Code != protocol.CodeNoSuchPeer {
		t.Errorf("the last one's ack: %v, want no_such_peer", err)
	}
}

func TestPostAfterTheEnd(t *testing.T) {
	url := stub(t, func(ws *websocket.Conn) { _, _, _ = ws.ReadMessage() })
	c := dial(t, client.Config{NoReconnect: true, URL: url})
	if _, err := c.Post("p", json.RawMessage("{")); err == nil {
		t.Error("data that is no JSON was posted")
	}
	sent, err := c.Post("p", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sent.Ack(within(t)); err == nil || !errors.Is(err, c.Err()) {
		t.Errorf("the ack of a message that the server never read through: %v, want why the client ended", err)
	}
	if _, err := c.Post("p", 1); err == nil {
		t.Error("a message was posted on a connection that has ended")
	}
}
