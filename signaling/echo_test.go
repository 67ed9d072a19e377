package signaling_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// echoRooms assigns private-0, private-1 and so on.
type echoRooms struct {
	mu    sync.Mutex
	made  int
	used  []string
	fault error
}

func (e *echoRooms) open(_ netip.Addr, before string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fault != nil {
		return "", e.fault
	}
	room := fmt.Sprintf("private-%d", e.made)
	e.made++
	e.used = append(slices.DeleteFunc(e.used, func(used string) bool { return used == before }), room)
	return room, nil
}

func (e *echoRooms) rooms() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.used)
}

func (e *echoRooms) end(room string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.used = slices.DeleteFunc(e.used, func(used string) bool { return used == room })
}

// serveEcho serves test calls in room a, where joinWith and the like join.
func serveEcho(t *testing.T, config signaling.Config) (*testServer, *echoRooms) {
	t.Helper()
	rooms := &echoRooms{}
	config.Echo = &signaling.Echo{Room: "a", Open: rooms.open, Rooms: rooms.rooms}
	return serve(t, config), rooms
}

func TestEchoRoomIsPrivate(t *testing.T) {
	server, rooms := serveEcho(t, graceConfig())
	ann, annJoined := server.seatPeer(t, "Ann")
	_, boJoined := server.seatPeer(t, "Bo")
	for _, joined := range []protocol.Joined{annJoined, boJoined} {
		if joined.Room != "a" || len(joined.Peers) != 0 {
			t.Errorf("joined = %+v, want the room that was asked for, with nobody in it", joined)
		}
	}
	echo := server.raw(t)
	echo.send(`{"type":"join","id":1,"room":"private-0","name":"Echo"}`)
	if joined := expect[protocol.Joined](echo); joined.Room != "private-0" || len(joined.Peers) != 1 || joined.Peers[0].Peer != annJoined.Peer {
		t.Errorf("the operator's peer joined = %+v, want Ann's room", joined)
	}
	expect[protocol.OtherJoined](ann)

	rooms.mu.Lock()
	rooms.fault = errors.New("ten people test now")
	rooms.mu.Unlock()
	refusal := server.refused(t, `"name":"Cy"`, protocol.CodeRateLimited)
	if refusal.Message != "ten people test now" || !refusal.Retry || refusal.After <= 0 {
		t.Errorf("refused with %+v", refusal)
	}
}

// Whoever comes back to a test call comes to the same one, whatever way it comes.
func TestEchoRoomHasOneSeatForAClient(t *testing.T) {
	server, rooms := serveEcho(t, graceConfig())
	const nonce = `"nonce":"5f2c8e0b1d7a4e6693b0c4d1a8e7f205"`
	_, first := server.joinWith(t, nonce)
	_, again := server.joinWith(t, nonce)
	if again.Peer != first.Peer {
		t.Errorf("the join with the same nonce gives %s, want %s", again.Peer, first.Peer)
	}
	_, resumed := server.joinWith(t, resume(again, 0))
	if resumed.Peer != first.Peer || !resumed.Resumed || resumed.Room != "a" {
		t.Errorf("resumed = %+v, want the same peer", resumed)
	}
	if s := server.Snapshot(); s.Peers != 1 || s.Rooms != 1 || rooms.made != 1 {
		t.Errorf("%d peers, %d rooms, %d of them made; want 1 of each", s.Peers, s.Rooms, rooms.made)
	}
	_, reloaded := server.joinWith(t, replace(resumed))
	if used := rooms.rooms(); reloaded.Peer == first.Peer || reloaded.Room != "a" || !slices.Equal(used, []string{"private-1"}) {
		t.Errorf("after a reload, joined = %+v, and the rooms %q are in use; want another peer in another room", reloaded, used)
	}
	if s := server.Snapshot(); s.Peers != 1 || s.Rooms != 1 {
		t.Errorf("after a reload, %d peers are in %d rooms; want 1 in 1", s.Peers, s.Rooms)
	}
	rooms.end("private-1")
	_ = server.refused(t, resume(reloaded, 0), protocol.CodeUnauthorized)
	if _, joined := server.joinWith(t, replace(reloaded)); joined.Room != "a" || rooms.made != 3 {
		t.Errorf("joined = %+v, %d rooms made, want another room", joined, rooms.made)
	}
}

// Config.Authorize decides about the room that the client asks for.
func TestEchoRoomIsAuthorized(t *testing.T) {
	config := graceConfig()
	config.Authorize = func(token, room string) (signaling.Grant, error) {
		if token != "token for "+room {
			return signaling.Grant{}, errors.New("no")
		}
		return signaling.Grant{}, nil
	}
	server, rooms := serveEcho(t, config)
	_ = server.refused(t, `"name":"Ann"`, protocol.CodeUnauthorized)
	if rooms.made != 0 {
		t.Error("a room was made for a client that may not join")
	}
	_, joined := server.joinWith(t, `"token":"token for a"`)
	server.joinWith(t, resume(joined, 0))
}

func TestEchoConfig(t *testing.T) {
	rooms := &echoRooms{}
	for name, echo := range map[string]signaling.Echo{
		"no room":           {Open: rooms.open, Rooms: rooms.rooms},
		"not canonical":     {Room: " a", Open: rooms.open, Rooms: rooms.rooms},
		"functions are nil": {Room: "a"},
	} {
		if server, err := signaling.New(signaling.Config{Echo: &echo}); err == nil {
			t.Errorf("%s: no error", name)
			closeServer(t, server)
		}
	}
}
