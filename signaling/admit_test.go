package signaling_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// doorConfig admits clients whose token is "good for" and the room.
func doorConfig() signaling.Config {
	config := graceConfig()
	config.Capacity = 0
	config.Authorize = func(token, room string) (signaling.Grant, error) {
		name, ok := strings.CutPrefix(token, "good for "+room)
		if !ok {
			return signaling.Grant{}, errors.New("this token opens another door")
		}
		return signaling.Grant{Name: strings.TrimPrefix(name, " as ")}, nil
	}
	return config
}

func TestWhoMayJoin(t *testing.T) {
	server := serve(t, doorConfig())
	_ = server.refused(t, `"name":"Ann"`, protocol.CodeUnauthorized)
	_ = server.refused(t, `"token":"good for b"`, protocol.CodeUnauthorized)
	bo, joined := server.joinWith(t, `"name":"Bo","token":"good for a"`)
	_, ann := server.joinWith(t, `"name":"Bo","token":"good for a as Ann"`)
	if len(ann.Peers) != 1 || ann.Peers[0].Name != "Bo" {
		t.Errorf("joined = %+v", ann)
	}
	if e := expect[protocol.OtherJoined](bo); e.Name != "Ann" {
		t.Errorf("other_joined = %+v, want the name of the grant", e)
	}
	// Who was in needs none to come back.
	_, again := server.joinWith(t, resume(joined, 1))
	if !again.Resumed {
		t.Errorf("joined = %+v", again)
	}
	_, next := server.joinWith(t, replace(again))
	if next.Peer == again.Peer {
		t.Errorf("joined = %+v", next)
	}
	if s := server.Snapshot(); s.Joins["unauthorized"] != 2 {
		t.Errorf("snapshot = %+v", s)
	}
}

func TestRefusedTokensAreSlowedDown(t *testing.T) {
	for name, bad := range map[string]string{
		"join tokens":    `"token":"bad"`,
		"forged resume":  `"resume":"AAAA.AAAA"`,
		"forged replace": `"replace":"AAAA.AAAA"`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := serveMemory(t, doorConfig())
				_, joined := server.joinWith(t, `"token":"good for a"`)
				for range 10 {
					_ = server.refused(t, bad, protocol.CodeUnauthorized)
				}
				fault := server.refused(t, bad, protocol.CodeRateLimited)
				if !fault.Retry || fault.After < 170 || fault.After > 181 {
					t.Errorf("error = %+v, want to wait for 3 minutes", fault)
				}
				server.joinWith(t, `"token":"good for a"`) // whatever strangers behind the same address do
				_, joined = server.joinWith(t, resume(joined, 0))
				server.joinWith(t, replace(joined))
				timePasses(fault.After.Duration())
				_ = server.refused(t, bad, protocol.CodeUnauthorized)
				_ = server.refused(t, bad, protocol.CodeRateLimited)
				timePasses(31 * time.Minute)
				server.joinWith(t, `"token":"good for a"`)
			})
		})
	}
}

// TestTokensOfAnotherSecretAreNoGuesses lets many clients behind one address
// come back to a server that no longer has its secret.
func TestTokensOfAnotherSecretAreNoGuesses(t *testing.T) {
	config := graceConfig()
	before := serve(t, config)
	_, joined := before.seatPeer(t, "Ann")
	config.SessionSecrets = nil
	after := serve(t, config)
	for range 30 {
		_ = after.refused(t, resume(joined, 0), protocol.CodeUnauthorized)
	}
	after.seatPeer(t, "Ann")
}

func TestRestartKeepsOrderAndPeers(t *testing.T) {
	config := graceConfig()
	config.Capacity = 3
	config.Limits.JoinsPerSecond, config.Limits.JoinBurst = 1, 3
	var clients [3]*rawClient
	var joined [3]protocol.Joined
	before := serve(t, config)
	for i := range joined {
		clients[i], joined[i] = before.seatPeer(t, fmt.Sprint("peer ", i))
	}
	closeServer(t, before.Server)
	for i, c := range clients {
		t.Run(fmt.Sprint("peer ", i, " hears of the end"), func(t *testing.T) {
			for closing := false; ; {
				f, code := c.read()
				switch f := f.(type) {
				case protocol.Closing:
					closing = true
				case protocol.Bye, protocol.Away:
					t.Errorf("got %#v about others, who come back as well", f)
				case nil:
					if code != protocol.CloseGoingAway || !closing {
						t.Errorf("closed with %d, notice: %v", code, closing)
					}
					return
				}
			}
		})
	}

	config.SessionSecrets = append([][]byte{[]byte("a newer secret, for signing tokens")}, config.SessionSecrets...)
	after := serve(t, config)
	for _, i := range []int{2, 0, 1} { // they come back in another order
		var again protocol.Joined
		clients[i], again = after.joinWith(t, resume(joined[i], 0))
		t.Run(fmt.Sprint("peer ", i, " is back"), func(t *testing.T) {
			if again.Resumed || again.Peer != joined[i].Peer {
				t.Errorf("joined = %+v, want peer %s", again, joined[i].Peer)
			}
			for _, p := range again.Peers {
				for k := range joined {
					if p.Peer == joined[k].Peer && (p.Polite != (k < i) || p.Name != fmt.Sprint("peer ", k)) {
						t.Errorf("peer %d is announced as %+v", k, p)
					}
				}
			}
		})
	}
	t.Run("the others are told", func(t *testing.T) {
		for i, from := range map[int][]int{2: {0, 1}, 0: {1}} {
			for _, k := range from {
				if e := expect[protocol.OtherJoined](clients[i]); e.Peer != joined[k].Peer || e.Resumed || e.Polite != (k < i) {
					t.Errorf("peer %d: other_joined = %+v, want peer %d", i, e, k)
				}
			}
		}
	})
	_ = clients[1].NetConn().Close()
	expect[protocol.Away](clients[0])
	_, _ = after.Kick(joined[1].Peer, 0)
	_, last := after.seatPeer(t, "newcomer")
	t.Run("a newcomer is polite to all", func(t *testing.T) {
		for _, p := range last.Peers {
			if !p.Polite {
				t.Errorf("peers = %+v", last.Peers)
			}
		}
		if s := after.Snapshot(); s.Joins["recovered"] != 3 || s.Peers != 3 {
			t.Errorf("snapshot = %+v", s)
		}
	})
}

func TestClosingForgetsEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, graceConfig())
		ann, _ := server.seatPeer(t, "Ann")
		bo, _ := server.seatPeer(t, "Bo")
		_ = bo.NetConn().Close() // away: nobody hears of it any more
		expect[protocol.OtherJoined](ann)
		expect[protocol.Away](ann)
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			closeServer(t, server.Server)
		}()
		if e := expect[protocol.Closing](ann); e.After != 5 {
			t.Errorf("closing = %+v", e)
		}
		ann.expectClose(protocol.CloseGoingAway)
		<-closed
		if s := server.Snapshot(); s.Rooms != 0 || s.Peers != 0 || s.Away != 0 || s.Connections != 0 || s.Ended["closing"] != 2 {
			t.Errorf("snapshot = %+v", s)
		}
	})
}
