package signaling_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

func code(err error) protocol.Code {
	fault, _ := err.(protocol.Error) //nolint:errorlint // the client returns it as it is
	return fault.Code
}

func TestMessageErrors(t *testing.T) {
	server := serve(t, signaling.Config{})
	ann, annJoined := server.join(t, "Ann", "one")
	_, other := server.join(t, "Bo", "two")
	for _, c := range []struct {
		to   string
		want protocol.Code
	}{
		{"", protocol.CodeAlone},
		{annJoined.Peer, protocol.CodeNoSuchPeer},
		{other.Peer, protocol.CodeNoSuchPeer},
		{"nobody", protocol.CodeNoSuchPeer},
	} {
		if _, err := ann.Send(within(t), c.to, 1); code(err) != c.want {
			t.Errorf("Send to %q: %v, want %s", c.to, err, c.want)
		}
	}
}

func TestRequestsOutsideRooms(t *testing.T) {
	server := serve(t, signaling.Config{})
	c := server.dial(t, "")
	ctx := within(t)
	if err := c.Ping(ctx); err != nil {
		t.Errorf("Ping: %v", err)
	}
	_, sendErr := c.Send(ctx, "", 1)
	_, iceErr := c.ICE(ctx)
	for what, err := range map[string]error{
		"Send": sendErr, "ICE": iceErr, "Leave": c.Leave(ctx), "Report": c.Report(ctx, "x", nil),
	} {
		if code(err) != protocol.CodeNotJoined {
			t.Errorf("%s before a join: %v, want not_joined", what, err)
		}
	}
	if _, err := c.Join(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Join(ctx, "b"); code(err) != protocol.CodeAlreadyJoined {
		t.Errorf("second join: %v, want already_joined", err)
	}
}

func TestRequestIDs(t *testing.T) {
	server := serve(t, signaling.Config{})
	c := server.raw(t)
	c.send(`{"type":"ping"}`)
	if pong := expect[protocol.Pong](c); pong.ID != 0 {
		t.Errorf("pong = %+v, want no id", pong)
	}
	for range 2 { // nobody counts before the join
		c.send(`{"type":"ping","id":7}`)
		if pong := expect[protocol.Pong](c); pong.ID != 7 {
			t.Errorf("pong = %+v, want id 7", pong)
		}
	}
	c.send(`{"type":"join","id":9,"room":"a"}`) // outside the numbering
	expect[protocol.Joined](c)
	c.send(`{"type":"ping","id":5}`)
	expect[protocol.Pong](c)
	c.send(`{"type":"ping","id":3}`) // never used, and too late now
	if fault := c.expectError(protocol.CodeBadRequest); fault.ID != 3 {
		t.Errorf("error = %+v, want id 3", fault)
	}
	c.send(`{"type":"ping","id":9007199254740991}`)
	if pong := expect[protocol.Pong](c); pong.ID != protocol.MaxID {
		t.Errorf("pong = %+v, want id 2^53-1", pong)
	}
}

func TestMessageWithoutIDIsNotAcked(t *testing.T) {
	server := serve(t, signaling.Config{})
	bo, joined := server.join(t, "Bo", "a")
	c := server.raw(t)
	c.send(`{"type":"join","room":"a"}`)
	expect[protocol.Joined](c)
	receive[protocol.OtherJoined](t, bo)
	c.send(`{"type":"message","to":"` + joined.Peer + `","data":null}`)
	c.send(`{"type":"ping","id":1}`)
	expect[protocol.Pong](c) // and nothing before it
	if e := receive[protocol.MessageEvent](t, bo); string(e.Data) != "null" {
		t.Errorf("message = %+v", e)
	}
}

// TestMessagesKeepTheirOrder repeats messages that find the receiver's queue
// full: on a busy machine, the receiver may confirm late.
func TestMessagesKeepTheirOrder(t *testing.T) {
	const count = 2000
	server := serve(t, signaling.Config{Limits: signaling.Limits{QueueEvents: 256, QueueBytes: 1 << 20}})
	bo, joined := server.join(t, "Bo", "a")
	ann, _ := server.join(t, "Ann", "a")
	ctx := within(t)
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		for i := 0; i < count; {
			_, err := ann.Send(ctx, joined.Peer, strings.Repeat("x", i))
			switch {
			case err == nil:
				i++
			case code(err) != protocol.CodeQueueFull:
				t.Errorf("message %d: %v", i, err)
				_ = bo.Close() // nobody need wait for the rest
				return
			}
		}
	})
	receive[protocol.OtherJoined](t, bo)
	for i := range count {
		if e := receive[protocol.MessageEvent](t, bo); e.Seq != uint64(i+2) || len(e.Data) != i+2 {
			t.Fatalf("message %d has seq %d and %d bytes", i, e.Seq, len(e.Data))
		}
	}
}

func TestReportsReachTheOperator(t *testing.T) {
	type report struct{ peer, event, data string }
	got := make(chan report, 2)
	var logged lockedText
	server := serve(t, signaling.Config{
		Logger: textLogger(&logged),
		Report: func(peer, event string, data json.RawMessage) { got <- report{peer, event, string(data)} },
	})
	c, joined := server.join(t, "Ann", "a")
	if err := c.Report(within(t), "connected", rawJSON(`{"addr":"192.0.2.99"}`)); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r != (report{joined.Peer, "connected", `{"addr":"192.0.2.99"}`}) {
		t.Errorf("report = %+v", r)
	}
	if err := c.Report(within(t), "bare", nil); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r != (report{joined.Peer, "bare", ""}) {
		t.Errorf("report = %+v", r)
	}
	for _, event := range []string{"", strings.Repeat("x", 65), "a\nb"} {
		if err := c.Report(within(t), event, nil); code(err) != protocol.CodeBadRequest {
			t.Errorf("report %q: %v, want bad_request", event, err)
		}
	}
	if text := logged.String(); !strings.Contains(text, "event=connected") || !strings.Contains(text, joined.Peer) ||
		strings.Contains(text, "192.0.2.99") || strings.Contains(text, "127.0.0.1") {
		t.Errorf("log at info:\n%s\nwant the event and the peer, and no address", text)
	}
}

func TestPingWithSeqConfirms(t *testing.T) {
	server := serve(t, signaling.Config{})
	ann, _ := server.join(t, "Ann", "a")
	bo := server.raw(t)
	bo.send(`{"type":"join","room":"a"}`)
	joined := expect[protocol.Joined](bo)
	receive[protocol.OtherJoined](t, ann)
	for range 3 {
		if _, err := ann.Send(within(t), joined.Peer, 1); err != nil {
			t.Fatal(err)
		}
		expect[protocol.MessageEvent](bo)
	}
	bo.send(`{"type":"ping","seq":2}`)
	expect[protocol.Pong](bo)
	bo.send(`{"type":"ping","seq":99}`) // nobody has seen what was not sent
	expect[protocol.Pong](bo)
	bo.send(`{"type":"ping","id":1,"seq":99}`)
	_ = bo.expectError(protocol.CodeBadRequest)
	bo.send(`{"type":"seen","seq":99}`)
	if err := bo.WriteMessage(websocket.PongMessage, []byte("3")); err != nil { // what a WebSocket says is not the client's word
		t.Fatal(err)
	}
	bo.send(`{"type":"ping","id":2}`)
	expect[protocol.Pong](bo)
	_ = bo.Close()
	if e := receive[protocol.Bye](t, ann); !slices.Equal(e.Undelivered, []uint64{4}) {
		t.Errorf("bye = %+v, want [4] undelivered", e)
	}
}

// timePasses lets d pass, in a synctest bubble only.
func timePasses(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// drainEvents receives until the client ends.
func drainEvents(t *testing.T, c *caller) {
	t.Helper()
	for {
		if _, err := c.Receive(t.Context()); err != nil {
			return
		}
	}
}
