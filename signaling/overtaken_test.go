package signaling_test

import (
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// TestLaterConnectionWins has a client repeat its join on a new connection while
// the first join still waits for the occupants of a full room, where nobody
// notices that its connection broke. That join must not take the seat away
// later.
func TestLaterConnectionWins(t *testing.T) {
	for range 50 { // who of the two gets the seat first is chance
		synctest.Test(t, func(t *testing.T) {
			server := serveMemory(t, signaling.Config{Capacity: 1, Ping: 15 * time.Second})
			server.deadPeer(t, "a")
			timePasses(20 * time.Second)
			first, second := server.raw(t), server.raw(t)
			first.send(`{"type":"join","room":"a","nonce":"n"}`)
			synctest.Wait()
			_ = first.Close()
			second.send(`{"type":"join","room":"a","nonce":"n"}`)
			expect[protocol.Joined](second)
			timePasses(time.Second)
			second.send(`{"type":"ping","id":1}`)
			expect[protocol.Pong](second)
		})
	}
}

// TestLateJoinIsTooLate delays the join on the older connection.
func TestLateJoinIsTooLate(t *testing.T) {
	server := serve(t, signaling.Config{Capacity: 2})
	late := []*rawClient{server.raw(t), server.raw(t), server.raw(t)}
	newest := server.raw(t)
	newest.send(`{"type":"join","room":"a","nonce":"n"}`)
	joined := expect[protocol.Joined](newest)
	for i, by := range []string{`"nonce":"n"`, `"resume":"` + joined.Resume + `"`, `"replace":"` + joined.Resume + `"`} {
		late[i].send(`{"type":"join","room":"a",` + by + `}`)
		late[i].expectClose(protocol.CloseTakenOver)
	}
	newest.send(`{"type":"ping","id":1}`)
	expect[protocol.Pong](newest)
}
