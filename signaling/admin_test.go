package signaling_test

import (
	"strings"
	"testing"
	"time"

	"callbox/signaling/protocol"
)

func TestRoomsAreListed(t *testing.T) {
	server := serve(t, graceConfig())
	if rooms := server.Rooms(); rooms == nil || len(rooms) != 0 {
		t.Errorf("rooms = %+v, want none", rooms)
	}
	start := time.Now()
	ann, annJoined := server.seatPeer(t, "Ann")
	bo, boJoined := server.seatPeer(t, "Bo")
	expect[protocol.OtherJoined](ann)
	ann.say(1, "x")
	ann.acked(1)
	_ = bo.NetConn().Close()
	expect[protocol.Away](ann)
	ann.send(`{"type":"ping","seq":2,"id":2}`)
	expect[protocol.Pong](ann)
	rooms := server.Rooms()
	if len(rooms) != 1 || rooms[0].Name != "a" || len(rooms[0].Peers) != 2 {
		t.Fatalf("rooms = %+v", rooms)
	}
	for i, p := range rooms[0].Peers {
		name, peer, state, unconfirmed := "Ann", annJoined.Peer, "connected", 0
		if i == 1 {
			name, peer, state, unconfirmed = "Bo", boJoined.Peer, "away", 1
		}
		if p.Peer != peer || p.Name != name || p.State != state || p.Unconfirmed != unconfirmed ||
			p.Transport != "websocket" || p.Since.Before(start) || p.Since.After(time.Now()) {
			t.Errorf("peer %d = %+v", i, p)
		}
	}
}

func TestKick(t *testing.T) {
	var logged lockedText
	config := graceConfig()
	config.Logger = textLogger(&logged)
	server := serve(t, config)
	ann, _ := server.seatPeer(t, "Ann Secret")
	bo, joined := server.seatPeer(t, "Bo")
	expect[protocol.OtherJoined](ann)
	ann.say(1, "x")
	ann.acked(1)
	if put(server.Kick(joined.Peer, 0)) != nil || put(server.Kick("nobody", 0)) == nil {
		t.Error("want to kick who is there, and nobody else")
	}
	bo.expectClose(protocol.ClosePolicy)
	if e := expect[protocol.Bye](ann); e.Peer != joined.Peer || e.Reason != protocol.ReasonKicked || len(e.Undelivered) != 1 {
		t.Errorf("bye = %+v", e)
	}
	// Who is away can be kicked too.
	bo, joined = server.seatPeer(t, "Bo")
	expect[protocol.OtherJoined](ann)
	_ = bo.NetConn().Close()
	expect[protocol.Away](ann)
	if put(server.Kick(joined.Peer, 0)) != nil {
		t.Error("nobody to kick")
	}
	if e := expect[protocol.Bye](ann); e.Reason != protocol.ReasonKicked {
		t.Errorf("bye = %+v", e)
	}
	closeServer(t, server.Server)
	text := logged.String()
	if strings.Count(text, `msg="peer ended"`) != 3 || strings.Count(text, "reason=kicked") != 2 || strings.Count(text, "reason=closing") != 1 ||
		!strings.Contains(text, "messages_in=1 messages_out=0") || !strings.Contains(text, "messages_in=0 messages_out=1") ||
		!strings.Contains(text, "transport=websocket") || !strings.Contains(text, "lasted=") {
		t.Errorf("log:\n%s", text)
	}
	for _, private := range []string{"Secret", "room=", "127.0.0.1", joined.Resume} {
		if strings.Contains(text, private) {
			t.Errorf("the log tells %q:\n%s", private, text)
		}
	}
}

func TestRelayLatencyIsCounted(t *testing.T) {
	server := serve(t, graceConfig())
	ann, _ := server.seatPeer(t, "Ann")
	bo, _ := server.seatPeer(t, "Bo")
	expect[protocol.OtherJoined](ann)
	const count = 20
	for id := range count {
		ann.say(id+1, "x")
		ann.acked(uint64(id + 1))
		expect[protocol.MessageEvent](bo)
	}
	h := server.Snapshot().Relay
	if len(h.Counts) != len(h.Bounds)+1 || h.Sum <= 0 || h.Sum > patience.Seconds() {
		t.Errorf("histogram = %+v", h)
	}
	total := uint64(0)
	for _, n := range h.Counts {
		total += n
	}
	if total != count {
		t.Errorf("%d messages are counted, want %d", total, count)
	}
}
