package signaling_test

import (
	"fmt"
	"testing"

	"callbox/signaling/protocol"
)

func TestRepeatedRequestsAreCarriedOutOnce(t *testing.T) {
	server := serve(t, graceConfig())
	bo, _ := server.seatPeer(t, "Bo")
	ann, joined := server.seatPeer(t, "Ann")
	expect[protocol.OtherJoined](bo)
	ann.say(1, "one")
	ann.acked(1)
	ann.send(`{"type":"message","id":2,"to":"nobody","data":1}`)
	refusal := ann.expectError(protocol.CodeNoSuchPeer)
	ann.say(3, "three")
	_ = ann.NetConn().Close() // maybe before the ack
	bo.hears(2, "one")
	// Whether the server has read 3 is seen by what Bo hears next.
	ann, again := server.joinWith(t, resume(joined, 0))
	if !again.Resumed {
		t.Fatalf("joined = %+v", again)
	}
	for range 2 {
		ann.say(1, "not the same")
		if ack := expect[protocol.Ack](ann); ack.ID != 1 || len(ack.To) != 1 {
			t.Errorf("ack = %+v, want the one of before", ack)
		}
		ann.send(`{"type":"message","id":2,"data":1}`)
		if got := ann.expectError(protocol.CodeNoSuchPeer); got != refusal {
			t.Errorf("error = %+v, want %+v again", got, refusal)
		}
	}
	ann.say(3, "three")
	ann.acked(3)
	ann.say(4, "four")
	ann.acked(4)
	var heard []string
	for len(heard) < 2 {
		f, _ := bo.read()
		if e, ok := f.(protocol.MessageEvent); ok {
			heard = append(heard, string(e.Data))
		}
	}
	if heard[0] != `"three"` || heard[1] != `"four"` {
		t.Errorf("Bo heard %v, want three and four, once", heard)
	}
	bo.send(`{"type":"ping","id":100}`)
	expect[protocol.Pong](bo) // and nothing more
}

func TestRepliesThatAreForgotten(t *testing.T) {
	server := serve(t, graceConfig())
	c, _ := server.seatPeer(t, "Ann")
	ping := func(id int) { c.send(fmt.Sprintf(`{"type":"ping","id":%d}`, id)) }
	for id := 10; id <= 330; id += 10 { // 33 of them
		ping(id)
		expect[protocol.Pong](c)
	}
	for id, want := range map[int]string{
		10: "ack", 9: "ack", 1: "ack", // as good as used
		20: "pong", 330: "pong",
		21: "error", 329: "error", // never used
	} {
		ping(id)
		f, _ := c.read()
		if string(f.FrameType()) != want || f.(protocol.Reply).ReplyID() != uint64(id) {
			t.Errorf("id %d again: %#v, want %s", id, f, want)
		}
		if ack, ok := f.(protocol.Ack); ok && (ack.To != nil || ack.Failed != nil) {
			t.Errorf("ack = %+v, want it bare", ack)
		}
	}
	ping(331)
	expect[protocol.Pong](c)
}

// TestRepliesOfABurst queues more replies than are stored: none may be
// overwritten while it waits.
func TestRepliesOfABurst(t *testing.T) {
	server := serve(t, graceConfig())
	c, _ := server.seatPeer(t, "Ann")
	const count = 150
	done := make(chan struct{})
	go func() {
		defer close(done)
		for id := 1; id <= count; id++ {
			c.send(fmt.Sprintf(`{"type":"message","id":%d,"data":1}`, id))
		}
	}()
	<-done
	for id := 1; id <= count; id++ {
		if fault := c.expectError(protocol.CodeAlone); fault.ID != uint64(id) {
			t.Fatalf("reply %d is to %d", id, fault.ID)
		}
	}
}

func TestRefusalsAreReplies(t *testing.T) {
	config := graceConfig()
	config.Limits.FramesPerSecond, config.Limits.FrameBurst = 1, 3
	server := serve(t, config)
	c, joined := server.seatPeer(t, "Ann") // the first of the burst
	for id := 1; id <= 2; id++ {
		c.send(fmt.Sprintf(`{"type":"ping","id":%d}`, id))
		expect[protocol.Pong](c)
	}
	c.send(`{"type":"ping","id":3}`)
	refusal := c.expectError(protocol.CodeRateLimited)
	c.send(`{"type":"report","id":4}`)
	_ = c.expectError(protocol.CodeRateLimited)
	c, again := server.joinWith(t, resume(joined, 0))
	if !again.Resumed {
		t.Fatalf("joined = %+v", again)
	}
	c.send(`{"type":"ping","id":3}`) // there is rate for it now
	if fault := c.expectError(protocol.CodeRateLimited); fault != refusal {
		t.Errorf("error = %+v, want %+v again", fault, refusal)
	}
	c.send(`{"type":"report","id":5}`)
	_ = c.expectError(protocol.CodeBadRequest)
}
