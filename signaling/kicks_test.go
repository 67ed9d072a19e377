package signaling_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// kickStore keeps kicks in memory.
type kickStore struct {
	mu    sync.Mutex
	state []byte
	fault error
}

func (s *kickStore) Load() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.fault
}

func (s *kickStore) Save(state []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		s.state = state
	}
	return s.fault
}

// leave gives up the seat.
func (c *rawClient) leave() {
	c.t.Helper()
	c.send(`{"type":"leave"}`)
	for {
		if f, code := c.read(); f == nil {
			c.t.Fatalf("closed with %d", code)
		} else if _, ok := f.(protocol.Left); ok {
			return
		}
	}
}

// put returns only the error of a kick.
func put(_ string, err error) error { return err }

// kick kicks a peer.
func (s *testServer) kick(t *testing.T, joined protocol.Joined) {
	t.Helper()
	if _, err := s.Kick(joined.Peer, 0); err != nil {
		t.Fatal(err)
	}
}

func TestNoNumberOfDeparturesBringsAKickedPeerBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Limits.FramesPerSecond, config.Limits.JoinsPerSecond = 0, 0
		server := serveMemory(t, config)
		_, kicked := server.seatPeer(t, "Eve")
		server.kick(t, kicked)
		c, left := server.seatPeer(t, "Ann")
		c.leave()
		timePasses(time.Second)
		for range 4200 { // a shard remembers 4096
			c.send(`{"type":"join","room":"a"}`)
			expect[protocol.Joined](c)
			c.leave()
		}
		_ = server.refused(t, resume(kicked, 0), protocol.CodeUnauthorized)
		_ = server.refused(t, replace(kicked), protocol.CodeUnauthorized)
		_ = server.refused(t, resume(left, 0), protocol.CodeUnauthorized)
		timePasses(time.Second)
		bo, joined := server.seatPeer(t, "Bo") // who joined since then may time out and come back
		_ = bo.Close()
		timePasses(31 * time.Second)
		_, again := server.joinWith(t, resume(joined, 0))
		if again.Peer != joined.Peer {
			t.Errorf("joined = %+v, want peer %s", again, joined.Peer)
		}
	})
}

func TestKickOutlastsARestart(t *testing.T) {
	store := new(kickStore)
	config := graceConfig()
	config.Kicks, config.Capacity = store, 3
	before := serve(t, config)
	c, spare := before.seatPeer(t, "Eve")
	c.leave()
	_, ann := before.seatPeer(t, "Ann")
	c, first := before.seatPeer(t, "Eve")
	_, second := before.joinWith(t, replace(first)) // she reloads
	before.kick(t, first)                           // which an operator need not know
	_ = before.refused(t, resume(second, 0), protocol.CodeUnauthorized)
	_ = before.refused(t, replace(first), protocol.CodeUnauthorized)
	_ = c
	closeServer(t, before.Server)

	after := serve(t, config)
	for name, token := range map[string]protocol.Joined{"kicked": second, "replaced": first, "left": spare} {
		t.Log(name)
		_ = after.refused(t, resume(token, 0), protocol.CodeUnauthorized)
	}
	_ = after.refused(t, replace(second), protocol.CodeUnauthorized)
	_, again := after.joinWith(t, resume(ann, 0))
	if again.Peer != ann.Peer {
		t.Errorf("joined = %+v: whoever sat there at the time keeps its seat", again)
	}
	if strings.Contains(string(store.state), `"a"`) || strings.Contains(string(store.state), "127.0.0.1") {
		t.Errorf("kept: %s", store.state)
	}
}

// TestSpareTokenNeedsTheRoomsToken has a client that was kicked come back with
// the token of a seat that it left before.
func TestSpareTokenNeedsTheRoomsToken(t *testing.T) {
	server := serve(t, doorConfig())
	c, spare := server.joinWith(t, `"token":"good for a"`)
	c.leave()
	_, joined := server.joinWith(t, `"token":"good for a as Eve"`)
	server.kick(t, joined)
	for _, fields := range []string{replace(spare), resume(spare, 0), replace(joined), resume(joined, 0), replace(spare) + `,"token":"bad"`} {
		_ = server.refused(t, fields, protocol.CodeUnauthorized)
	}
	_, again := server.joinWith(t, replace(spare)+`,"token":"good for a as Ann"`)
	if again.Peer == joined.Peer || again.Peer == spare.Peer {
		t.Errorf("joined = %+v, want a new peer", again)
	}
}

// TestReplaceOfAFreeSeatCountsAsAJoin is the same for the rate of joins.
func TestReplaceOfAFreeSeatCountsAsAJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Limits.JoinsPerSecond, config.Limits.JoinBurst = 1, 3
		server := serveMemory(t, config)
		c, joined := server.seatPeer(t, "Ann")
		for range 2 {
			c.leave()
			c, joined = server.joinWith(t, replace(joined))
		}
		c.leave()
		_ = server.refused(t, replace(joined), protocol.CodeRateLimited)
		timePasses(time.Second)
		_, joined = server.joinWith(t, replace(joined))
		server.joinWith(t, replace(joined)) // a seat that is held: a reload, which is exempt
	})
}

// addressedServer is a server whose clients come from the address that the
// test sets.
func addressedServer(t *testing.T, config signaling.Config) (server *testServer, at func(string)) {
	t.Helper()
	var addr atomic.Pointer[netip.Addr]
	at = func(text string) {
		a := netip.MustParseAddr(text)
		addr.Store(&a)
	}
	config.ClientAddr = from(&addr)
	return serveMemory(t, config), at
}

func TestBan(t *testing.T) {
	for _, tc := range []struct{ name, eve, same, other string }{
		{"IPv4", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"},
		{"IPv6", "2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := graceConfig()
				config.Capacity = 5
				store := new(kickStore)
				config.Kicks = store
				server, at := addressedServer(t, config)
				at(tc.eve)
				second, held := server.seatPeer(t, "Eve's other page")
				c, eve := server.seatPeer(t, "Eve")
				if _, err := server.Kick(eve.Peer, 10*time.Minute); err != nil {
					t.Fatal(err)
				}
				c.expectClose(protocol.ClosePolicy)
				_ = second.Close()
				barred := func(server *testServer) {
					t.Helper()
					for _, fields := range []string{`"name":"Eve"`, `"nonce":"x"`, resume(held, 0), replace(held), resume(eve, 0)} {
						_ = server.refused(t, fields, protocol.CodeUnauthorized)
					}
					p := server.httpPeer(t)
					fault := post[protocol.Error](p, `{"type":"join","id":1,"room":"a"}`)
					if fault.Code != protocol.CodeUnauthorized || !strings.Contains(fault.Message, "operator") {
						t.Errorf("error = %+v", fault)
					}
					r := server.raw(t)
					r.send(`{"type":"join","id":1,"room":"b"}`) // another room
					expect[protocol.Joined](r)
				}
				at(tc.same)
				barred(server)
				closeServer(t, server.Server)

				server, at = addressedServer(t, config)
				at(tc.same)
				barred(server)
				at(tc.other)
				server.seatPeer(t, "somebody else")
				at(tc.same)
				timePasses(10*time.Minute + time.Second)
				server.seatPeer(t, "Eve, later")
			})
		})
	}
}

func TestKicksThatCannotBeKept(t *testing.T) {
	var logged lockedText
	for _, tc := range []struct {
		name  string
		state string
		fault error
	}{
		{"unreadable", "", errors.New("disk on fire")},
		{"cut", `{"version":1,"rooms":[{"ro`, nil},
		{"not JSON", "\x00\xff", nil},
		{"newer", `{"version":2}`, nil},
		{"no hash", `{"version":1,"rooms":[{"room":"quiet"}]}`, nil},
		{"no address", `{"version":1,"bans":[{"room":"00000000000000000000000000000000","address":"x","until":1}]}`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := graceConfig()
			config.Logger = textLogger(&logged)
			config.Kicks = &kickStore{state: []byte(tc.state), fault: tc.fault}
			if tc.state == "" {
				config.Kicks = &kickStore{fault: tc.fault}
			}
			server := serve(t, config)
			if !strings.Contains(logged.String(), "cannot load the kicks from before") {
				t.Errorf("log: %s", logged.String())
			}
			_, joined := server.seatPeer(t, "Eve")
			if _, err := server.Kick(joined.Peer, 0); (err != nil) != (tc.fault != nil) || errors.Is(err, signaling.ErrNoPeer) {
				t.Errorf("kick: %v", err)
			}
			_ = server.refused(t, resume(joined, 0), protocol.CodeUnauthorized)
		})
	}
}

// TestKicksAreForgotten checks that nothing is remembered for longer than it is
// useful.
func TestKicksAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(kickStore)
		config := graceConfig()
		config.Kicks = store
		server := serveMemory(t, config)
		for i := range 3 {
			_, joined := server.seatPeer(t, fmt.Sprint(i))
			if _, err := server.Kick(joined.Peer, time.Minute); err != nil {
				t.Fatal(err)
			}
			timePasses(2 * time.Minute)
		}
		timePasses(2 * time.Hour)
		_, joined := server.seatPeer(t, "Eve")
		server.kick(t, joined)
		var state struct {
			Rooms []struct{ Out []string }
			Bans  []json.RawMessage
		}
		if err := json.Unmarshal(store.state, &state); err != nil || len(state.Rooms) != 1 || len(state.Rooms[0].Out) != 1 || state.Bans != nil {
			t.Errorf("kept: %s (%v)", store.state, err)
		}
	})
}
