package signaling_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gorilla/websocket"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// flood sends data to peer until the server says that its queue is full. It
// returns the ids of the messages that were acked.
func flood(t *testing.T, c *caller, peer string, data any) (acked []uint64) {
	t.Helper()
	for id := uint64(2); ; id++ { // 1 was the join
		_, err := c.Send(within(t), peer, data)
		if err == nil {
			acked = append(acked, id)
			continue
		}
		fault, ok := errors.AsType[protocol.Error](err)
		if !ok || fault.Code != protocol.CodeQueueFull || !fault.Retry || fault.After <= 0 || fault.ID != id {
			t.Fatalf("message %d: %v (%+v), want queue_full with retry and after", id, err, fault)
		}
		return acked
	}
}

func limitsOfQueue() signaling.Limits {
	l := signaling.DefaultLimits()
	l.FramesPerSecond = 0
	return l
}

func TestSlowReader(t *testing.T) {
	for _, c := range []struct {
		name     string
		data     string
		min, max int // messages until the queue is full
	}{
		{"many small messages", "x", 256, 256 + 400}, // 256 wait, and a batch of 16 KiB is on its way
		{"few large messages", strings.Repeat("x", 60000), 17, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := serveMemory(t, signaling.Config{Capacity: 2, Limits: limitsOfQueue()})
				ann, _ := server.join(t, "Ann", "a")
				slow, joined := server.deadPeer(t, "a")
				receive[protocol.OtherJoined](t, ann)
				acked := flood(t, ann, joined.Peer, c.data)
				if len(acked) < c.min || len(acked) > c.max {
					t.Errorf("%d messages fit, want %d to %d", len(acked), c.min, c.max)
				}
				e := receive[protocol.Bye](t, ann)
				if e.Peer != joined.Peer || e.Reason != protocol.ReasonTimeout || !slices.Equal(e.Undelivered, acked) {
					t.Errorf("bye = %+v, want all %d messages undelivered", e, len(acked))
				}
				// What was on its way arrives; the rest does not hold up the close.
				if got := slow.expectClose(protocol.CloseTooSlow); got == 0 || got > len(acked)-c.min+1 {
					t.Errorf("the slow one got %d of %d messages", got, len(acked))
				}
			})
		})
	}
}

// TestUnconfirmedMessagesAreBounded has a reader whose socket takes everything,
// but which confirms nothing.
func TestUnconfirmedMessagesAreBounded(t *testing.T) {
	server := serve(t, signaling.Config{Capacity: 3, Limits: limitsOfQueue()})
	ann, _ := server.join(t, "Ann", "a")
	slow, joined := server.deadPeer(t, "a")
	receive[protocol.OtherJoined](t, ann)
	cy, cyJoined := server.join(t, "Cy", "a")
	receive[protocol.OtherJoined](t, ann)
	acked := flood(t, ann, joined.Peer, "x")
	if len(acked) != 256 {
		t.Errorf("%d messages fit, want 256", len(acked))
	}
	if _, err := ann.Send(within(t), cyJoined.Peer, "x"); err != nil {
		t.Errorf("to a healthy third one: %v", err)
	}
	receive[protocol.MessageEvent](t, cy)

	// One confirmation later there is a place for so many more.
	slow.send(`{"type":"ping","id":1,"seq":101}`) // other_joined and 100 messages
	for {
		if f, _ := slow.read(); f == nil {
			t.Fatal("the connection was closed")
		} else if _, ok := f.(protocol.Pong); ok {
			break
		}
	}
	for range 100 {
		if _, err := ann.Send(within(t), joined.Peer, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ann.Send(within(t), joined.Peer, "x"); code(err) != protocol.CodeQueueFull {
		t.Errorf("one more: %v, want queue_full", err)
	}
	if s := server.Snapshot(); s.QueueFull != 2 || s.Closed[protocol.CloseTooSlow] != 0 {
		t.Errorf("snapshot = %+v", s)
	}
}

func TestSlowReaderAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Limits: limitsOfQueue()})
		ann, _ := server.join(t, "Ann", "a")
		_, slow := server.deadPeer(t, "a")
		bo, good := server.join(t, "Bo", "a")
		go drainEvents(t, bo)
		for {
			ack, err := ann.Send(t.Context(), "", strings.Repeat("x", 60000))
			if err != nil {
				t.Fatal(err)
			}
			if ack.Failed == nil {
				synctest.Wait() // Bo confirms what he has read
				continue
			}
			want := protocol.Failure{Peer: slow.Peer, Code: protocol.CodeQueueFull}
			if !slices.Equal(ack.To, []string{good.Peer}) || !slices.Equal(ack.Failed, []protocol.Failure{want}) {
				t.Errorf("ack = %+v, want it for %s, not for %s", ack, good.Peer, slow.Peer)
			}
			return
		}
	})
}

func TestClientThatReadsNoReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{Limits: limitsOfQueue()})
		c, _ := server.deadPeer(t, "a")
		for range 2000 { // the batch on its way holds some hundreds, the queue 256
			if err := c.WriteMessage(1, []byte(`{"type":"ping"}`)); err != nil {
				break
			}
		}
		c.expectClose(protocol.CloseTooSlow)
	})
}

// TestReaderThatCatchesUp stops reading until the socket takes no more, and then
// gets every message complete and in order.
func TestReaderThatCatchesUp(t *testing.T) {
	const count = 400 // of up to 68 kB: more than the sockets hold
	server := serve(t, signaling.Config{Capacity: 2})
	ann, _ := server.join(t, "Ann", "a")
	slow, joined := server.deadPeer(t, "a")
	receive[protocol.OtherJoined](t, ann)
	data := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 170*i) }
	for i := range count {
		if _, err := ann.Send(within(t), joined.Peer, data(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range count {
		e := expect[protocol.MessageEvent](slow)
		if want := `"` + data(i) + `"`; e.Seq != uint64(i+1) || string(e.Data) != want {
			t.Fatalf("message %d has seq %d and %d bytes, want %d", i, e.Seq, len(e.Data), len(want))
		}
	}
	slow.send(`{"type":"ping","id":1}`)
	expect[protocol.Pong](slow)
}

// TestSlowReaderComesBack checks that a reader that was closed for being slow
// gets everything when it comes back.
func TestSlowReaderComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Limits.FramesPerSecond = 0
		server := serveMemory(t, config)
		ann, _ := server.join(t, "Ann", "a")
		slow, joined := server.deadPeer(t, "a")
		receive[protocol.OtherJoined](t, ann)
		acked := flood(t, ann, joined.Peer, strings.Repeat("x", 60000))
		receive[protocol.Away](t, ann)
		if _, err := ann.Send(t.Context(), joined.Peer, strings.Repeat("x", 60000)); code(err) != protocol.CodeQueueFull {
			t.Errorf("while it is away: %v, want queue_full", err)
		}
		slow.expectClose(protocol.CloseTooSlow)
		back, again := server.joinWith(t, resume(joined, 0))
		if !again.Resumed {
			t.Fatalf("joined = %+v", again)
		}
		for i := range acked {
			if e := expect[protocol.MessageEvent](back); e.Seq != uint64(i+1) {
				t.Fatalf("message %d has seq %d", i+1, e.Seq)
			}
		}
		back.quiet()
		receive[protocol.Back](t, ann)
	})
}

// TestBurstIsNoSlowReader brings more messages for a receiver in one read than
// its queue takes. None of them was sent yet, so that says nothing about how
// fast it reads.
func TestBurstIsNoSlowReader(t *testing.T) {
	const burst, places = 12, 4
	server := serve(t, signaling.Config{Limits: signaling.Limits{QueueEvents: places}})
	bo, ann := server.raw(t), server.raw(t)
	bo.send(`{"type":"join","room":"a"}`)
	joined := expect[protocol.Joined](bo)
	ann.send(`{"type":"join","room":"a"}`)
	expect[protocol.Joined](ann)
	expect[protocol.OtherJoined](bo)
	var frames []byte
	for id := 1; id <= burst; id++ {
		text := fmt.Sprintf(`{"type":"message","id":%d,"to":%q,"data":%d}`, id, joined.Peer, id)
		frames = append(frames, clientFrame(0x80|websocket.TextMessage, text)...)
	}
	if _, err := ann.NetConn().Write(frames); err != nil {
		t.Fatal(err)
	}
	acked := 0
	for range burst {
		if f, _ := ann.read(); f.FrameType() == protocol.TypeAck {
			acked++
		}
	}
	if acked == 0 || acked == burst {
		t.Fatalf("%d of %d are acked: this burst shows nothing", acked, burst)
	}
	for range acked {
		expect[protocol.MessageEvent](bo)
	}
	bo.send(`{"type":"ping","id":1}`)
	expect[protocol.Pong](bo)
}
