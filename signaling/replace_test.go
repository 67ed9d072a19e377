package signaling_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling/protocol"
)

// replaced reads the events that others get when a page is reloaded.
func (c *rawClient) replaced(t *testing.T, old, fresh protocol.Joined) protocol.Bye {
	t.Helper()
	bye := expect[protocol.Bye](c)
	if bye.Peer != old.Peer || bye.Reason != protocol.ReasonReplaced {
		t.Errorf("bye = %+v, want %s replaced", bye, old.Peer)
	}
	if e := expect[protocol.OtherJoined](c); e.Peer != fresh.Peer || e.Seq != bye.Seq+1 || e.Polite {
		t.Errorf("other_joined = %+v, want %s, after the bye", e, fresh.Peer)
	}
	return bye
}

func TestReload(t *testing.T) {
	server := serve(t, graceConfig())
	old, first := server.seatPeer(t, "Ann") // first in the room: impolite
	bo, boJoined := server.seatPeer(t, "Bo")
	expect[protocol.OtherJoined](old)
	bo.say(1, "lost")
	bo.acked(1)

	ann, second := server.joinWith(t, replace(first)+`,"name":"Ann"`)
	if second.Resumed || second.Peer == first.Peer || len(second.Peers) != 1 || !second.Peers[0].Polite || second.Peers[0].Peer != boJoined.Peer {
		t.Errorf("joined = %+v, want a new peer, polite towards Bo", second)
	}
	if e := bo.replaced(t, first, second); len(e.Undelivered) != 1 || e.Undelivered[0] != 1 {
		t.Errorf("bye = %+v, want [1] undelivered", e)
	}
	old.expectClose(protocol.CloseTakenOver)
	_ = server.refused(t, resume(first, 0), protocol.CodeUnauthorized)

	// The reload's joined got lost, and the page was reloaded once more.
	third, thirdJoined := server.joinWith(t, replace(first))
	bo.replaced(t, second, thirdJoined)
	ann.expectClose(protocol.CloseTakenOver)

	// Everybody reloads, the one after the other, with its connection gone.
	_ = third.NetConn().Close()
	expect[protocol.Away](bo)
	_, fourth := server.joinWith(t, replace(thirdJoined))
	bo.replaced(t, thirdJoined, fourth)
	if s := server.Snapshot(); s.Peers != 2 || s.Joins["replaced"] != 3 || s.Ended["replaced"] != 3 {
		t.Errorf("snapshot = %+v", s)
	}
}

func TestReloadOfAFreeSeatIsAJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, graceConfig())
		c, left := server.seatPeer(t, "Ann")
		c.send(`{"type":"leave","id":1}`)
		expect[protocol.Left](c)
		c, timedOut := server.seatPeer(t, "Ann")
		_ = c.Close()
		timePasses(31 * time.Second)
		for range 5 {
			for name, joined := range map[string]protocol.Joined{"left": left, "timed out": timedOut} {
				c, again := server.joinWith(t, replace(joined))
				if again.Resumed || again.Peer == joined.Peer || len(again.Peers) != 0 {
					t.Errorf("%s: joined = %+v", name, again)
				}
				c.send(`{"type":"leave","id":1}`)
				expect[protocol.Left](c)
			}
		}
		// The one after a reload left: nobody is there to be replaced.
		_, once := server.joinWith(t, replace(left))
		c, twice := server.joinWith(t, replace(once))
		c.send(`{"type":"leave","id":1}`)
		expect[protocol.Left](c)
		if _, again := server.joinWith(t, replace(once)); again.Peer == twice.Peer {
			t.Errorf("joined = %+v", again)
		}
	})
}

// TestSecondReloadFindsTheFirst loses the joined of a reload whose old seat was
// free.
func TestSecondReloadFindsTheFirst(t *testing.T) {
	server := serve(t, graceConfig())
	old, joined := server.seatPeer(t, "Ann")
	old.send(`{"type":"leave","id":1}`) // as a page says when it goes
	expect[protocol.Left](old)
	first, firstJoined := server.joinWith(t, replace(joined))
	_, second := server.joinWith(t, replace(joined))
	first.expectClose(protocol.CloseTakenOver)
	if len(second.Peers) != 0 || second.Peer == firstJoined.Peer {
		t.Errorf("joined = %+v, want to be alone", second)
	}
	_ = server.refused(t, resume(joined, 0), protocol.CodeUnauthorized)
}

func TestReplaceOfOneWhoseSuccessorWasKicked(t *testing.T) {
	server := serve(t, graceConfig())
	_, first := server.seatPeer(t, "Ann")
	_, second := server.joinWith(t, replace(first))
	if put(server.Kick(second.Peer, 0)) != nil {
		t.Error("nobody to kick")
	}
	_ = server.refused(t, replace(first), protocol.CodeUnauthorized)
}

func TestReloadInAFullRoom(t *testing.T) {
	config := graceConfig()
	config.Capacity = 1
	server := serve(t, config)
	_, joined := server.seatPeer(t, "Ann")
	for range 3 {
		_, next := server.joinWith(t, replace(joined))
		if next.Peer == joined.Peer {
			t.Errorf("joined = %+v", next)
		}
		joined = next
	}
	if s := server.Snapshot(); s.Peers != 1 || s.Rooms != 1 {
		t.Errorf("snapshot = %+v", s)
	}
}

func TestNonceIsOneSeat(t *testing.T) {
	server := serve(t, graceConfig())
	bo, _ := server.seatPeer(t, "Bo")
	nonce := func(n string) string { return fmt.Sprintf(`"nonce":%q`, n) }
	old, first := server.joinWith(t, nonce("abc"))
	expect[protocol.OtherJoined](bo)
	bo.say(1, "lost")
	bo.acked(1)
	ann, second := server.joinWith(t, nonce("abc")) // the first joined got lost
	if second.Peer != first.Peer || second.Resumed || second.Resume == first.Resume {
		t.Errorf("joined = %+v, want peer %s again", second, first.Peer)
	}
	old.expectClose(protocol.CloseTakenOver)
	if e := expect[protocol.Back](bo); e.Peer != first.Peer || e.Resumed {
		t.Errorf("back = %+v, want resumed:false", e)
	}
	bo.say(2, "hello")
	bo.acked(2)
	ann.hears(1, "hello")

	c := server.raw(t)
	c.send(`{"type":"join","id":1,"room":"a",` + nonce("abd") + `}`)
	expect[protocol.Full](c)
	c.send(`{"type":"join","id":1,"room":"b",` + nonce("abc") + `}`)
	if other := expect[protocol.Joined](c); other.Peer == first.Peer {
		t.Errorf("joined = %+v in another room", other)
	}
	for _, bad := range []string{"a b", "é", "01234567890123456789012345678901234567890123456789012345678901234"} {
		_ = server.refused(t, nonce(bad), protocol.CodeBadRequest)
	}
}
