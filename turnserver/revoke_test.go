package turnserver_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

func (s *setup) active(t *testing.T, want int) {
	t.Helper()
	eventually(t, "the allocations are as many as they should be", func() bool { return s.server.Snapshot().Active == want })
}

func TestKick(t *testing.T) {
	s := start(t, allowLoopback)
	udp, tcp, bo := s.rawAs(t, "ann"), s.rawTCP(t, "ann"), s.bound(t, "bo")
	udp.allocate(t)
	tcp.allocate(t)
	if got := s.server.Kick("cy"); got != 0 {
		t.Errorf("kicked %d of a user who has none", got)
	}
	if got := s.server.Kick("ann"); got != 2 {
		t.Errorf("kicked %d, want 2", got)
	}
	s.active(t, 1)
	for _, c := range []*rawClient{udp, tcp} {
		if code := errorCode(c.request(t, stun.MethodRefresh)); code != stun.CodeAllocMismatch {
			t.Errorf("refresh of a kicked allocation: %d, want 437", code)
		}
		c.allocate(t) // it may come again
	}
	bo.flood(t, s, 3, 3)
	wantSuccess(t, bo.request(t, stun.MethodRefresh))
	if got := s.server.Snapshot().EndedBy; !maps.Equal(got, map[string]uint64{"kicked": 2}) {
		t.Errorf("ended %v, want 2 kicked", got)
	}
}

// unauthorized expects that a client gets neither a new relay nor anything else.
func (c *rawClient) unauthorized(t *testing.T) {
	t.Helper()
	for _, method := range []stun.Method{stun.MethodAllocate, stun.MethodRefresh} {
		if code := errorCode(c.request(t, method, requestedTransport(17))); code != stun.CodeUnauthorized {
			t.Errorf("%s of a revoked user: %d, want 401", method, code)
		}
	}
}

// The relays of a suspended user end, and its credentials make no new ones until it is restored. Others
// go on, including those who talk to it.
func TestSuspend(t *testing.T) {
	s := start(t, allowLoopback)
	ann, idle, bo := s.bound(t, "ann"), s.rawAs(t, "ann"), s.bound(t, "bo")
	if got := s.server.Suspend("ann"); got != 1 {
		t.Errorf("ended %d, want 1", got)
	}
	s.active(t, 1)
	ann.unauthorized(t)
	idle.unauthorized(t)
	s.rawAs(t, "ann").unauthorized(t) // with a new credential
	bo.flood(t, s, 3, 3)
	wantSuccess(t, bo.request(t, stun.MethodRefresh))
	got := s.server.Snapshot()
	if got.RevokedUsers != 1 || got.AuthFailuresBy["revoked"] != 6 || got.EndedBy["revoked"] != 1 || got.Active != 1 {
		t.Errorf("snapshot %+v", got)
	}
	s.server.Restore("ann")
	idle.allocate(t)
	if got := s.server.Snapshot(); got.RevokedUsers != 0 {
		t.Errorf("%d revoked users after the restoration", got.RevokedUsers)
	}
}

// A revoked user does not undo that by leaving and coming back.
func TestRevoke(t *testing.T) {
	s := start(t, allowLoopback)
	ann, bo := s.bound(t, "ann"), s.bound(t, "bo")
	s.rawAs(t, "ann").reservePair(t)
	if got, err := s.server.Revoke("ann"); got != 2 || err != nil {
		t.Errorf("ended %d, %v, want 2", got, err)
	}
	s.active(t, 1)
	s.server.Suspend("ann")
	s.server.Restore("ann")
	ann.unauthorized(t)
	s.rawAs(t, "ann").unauthorized(t)
	wantSuccess(t, bo.request(t, stun.MethodRefresh))
	eventually(t, "nothing is reserved for a revoked user", func() bool {
		return s.server.Open() == 1
	})
}

// A user that is revoked while its Allocate request is carried out keeps no relay.
func TestRevokeBesideAllocate(t *testing.T) {
	for name, revoke := range map[string]func(*turnserver.Server) error{
		"leaves":  func(s *turnserver.Server) error { s.Suspend("ann"); return nil },
		"revoked": func(s *turnserver.Server) error { _, err := s.Revoke("ann"); return err },
	} {
		for _, protocol := range protocols() {
			t.Run(name+" over "+string(protocol), func(t *testing.T) {
				var s *setup
				s = start(t, func(c *turnserver.Config) {
					// The request is verified by now, and its relay not yet known.
					c.ListenPacket = func(network, address string) (net.PacketConn, error) {
						if err := revoke(s.server); err != nil {
							return nil, err
						}
						var lc net.ListenConfig
						return lc.ListenPacket(t.Context(), network, address)
					}
				})
				ann := s.rawOver(t, protocol, "ann")
				ann.wantCode(t, ann.request(t, stun.MethodAllocate, requestedTransport(17), evenPort(true)), stun.CodeUnauthorized)
				s.active(t, 0)
				eventually(t, "nothing is kept", func() bool { return s.server.Open() == 0 })
				if got := s.server.Snapshot(); got.EndedBy["revoked"] != got.Created || got.AuthFailuresBy["revoked"] != 1 {
					t.Errorf("snapshot %+v", got)
				}
			})
		}
	}
}

func TestDrain(t *testing.T) {
	s := start(t, allowLoopback)
	ann, bo := s.bound(t, "ann"), s.rawAs(t, "bo")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("no more time")
	cancel(cause)
	if err := s.server.Drain(ctx); !errors.Is(err, cause) {
		t.Errorf("with an allocation: %v, want %v", err, cause)
	}
	bo.wantCode(t, bo.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeInsufficientCapacity)
	ann.flood(t, s, 3, 3)
	wantSuccess(t, ann.request(t, stun.MethodRefresh))
	if got := s.server.Snapshot(); !got.Draining || got.RefusedAllocations["draining"] != 1 || got.Active != 1 {
		t.Errorf("snapshot %+v", got)
	}
	drained := make(chan error)
	go func() { drained <- s.server.Drain(context.WithoutCancel(ctx)) }()
	wantSuccess(t, ann.request(t, stun.MethodRefresh, lifetime(0)))
	if err := <-drained; err != nil {
		t.Error(err)
	}
	bo.wantCode(t, bo.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeInsufficientCapacity)
	if err := s.server.Drain(ctx); err != nil {
		t.Errorf("once more: %v", err)
	}
}

func TestDrainOfNothing(t *testing.T) {
	s := start(t, nil)
	if err := s.server.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

// A call goes on when its secret is removed, and a new one cannot begin with that.
func TestSecretTakenAway(t *testing.T) {
	s := start(t, allowLoopback)
	ann, late := s.bound(t, "ann"), s.rawAs(t, "ann")
	fresh := []byte("the secret that comes after it")
	for _, secrets := range [][][]byte{{fresh, testSecret()}, {fresh}} {
		if err := s.server.SetSecrets(secrets); err != nil {
			t.Fatal(err)
		}
		wantSuccess(t, ann.request(t, stun.MethodRefresh))
		wantSuccess(t, ann.request(t, stun.MethodCreatePermission, xorPeer{addrPortOf(ann.peer.LocalAddr())}))
		ann.flood(t, s, 3, 3)
	}
	if code := errorCode(late.request(t, stun.MethodAllocate, requestedTransport(17))); code != stun.CodeUnauthorized {
		t.Errorf("a new allocation: %d, want 401", code)
	}
	// Nor is the allocation open to whoever else has the old secret.
	ann.username, ann.password = late.username, late.password+"x"
	if code := errorCode(ann.request(t, stun.MethodRefresh)); code != stun.CodeUnauthorized {
		t.Errorf("a wrong password: %d, want 401", code)
	}
	s.rawAs(t, "bo").allocate(t)
}

// Changed lists apply to the next packet of live relays.
func TestPeersChangeUnderRelays(t *testing.T) {
	s := start(t, allowLoopback)
	var config turnserver.Config
	allowLoopback(&config)
	ann := s.bound(t, "ann")
	elsewhere := xorPeer{netip.MustParseAddrPort("127.0.0.2:9")} // no address of a relay
	for range 3 {
		s.server.SetPeers(config.AllowPeers, nil)
		ann.flood(t, s, 1, 1)
		s.server.SetPeers(nil, nil)
		before := s.server.Snapshot()
		ann.send(t, channelData(0x4000, "denied"))
		if _, err := ann.peer.WriteTo([]byte("denied"), ann.relayed); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both are denied", func() bool { return s.server.Snapshot().DeniedPackets == before.DeniedPackets+2 })
		ann.wantCode(t, ann.request(t, stun.MethodCreatePermission, elsewhere), stun.CodeForbidden)
		after := s.server.Snapshot()
		if after.ToPeers != before.ToPeers || after.FromPeers != before.FromPeers || after.DeniedBy["loopback 127.0.0.0/8"] != before.DeniedBy["loopback 127.0.0.0/8"]+1 {
			t.Errorf("before %+v, after %+v", before, after)
		}
	}
	s.server.SetPeers(nil, config.AllowPeers)
	ann.wantCode(t, ann.request(t, stun.MethodCreatePermission, elsewhere), stun.CodeForbidden)
	if got := s.server.Snapshot().DeniedBy["configured"]; got != 1 {
		t.Errorf("%d denied by what is configured, want 1", got)
	}
}

// Each allocation has one line in the log, with the reason why it ended.
func TestReasonsOfTheEnd(t *testing.T) {
	for _, want := range []string{"deleted", "expired", "client_gone", "kicked", "revoked", "closed"} {
		t.Run(want, func(t *testing.T) {
			var log lines
			s := start(t, func(c *turnserver.Config) { c.Logger, c.MinLifetime = log.logger(), time.Second })
			c := s.rawTCP(t, "ann")
			c.allocate(t)
			switch want {
			case "deleted":
				wantSuccess(t, c.request(t, stun.MethodRefresh, lifetime(0)))
			case "client_gone":
				c.conn.Close()
			case "kicked":
				s.server.Kick("ann")
			case "revoked":
				s.server.Suspend("ann")
			case "expired":
				s.rawAs(t, "bo").allocate(t, lifetime(time.Second))
				// The allocation ends before its line is logged.
				eventually(t, "its end is logged", func() bool { return len(log.with("allocation ended")) == 1 })
				c.conn.Close()
			case "closed":
				closeServer(t, s.server)
			}
			s.active(t, 0)
			closeServer(t, s.server)
			ends := log.with("allocation ended")
			if len(ends) == 0 || ends[0]["reason"] != want || ends[0]["user"] == "" || ends[0]["protocol"] == "" || ends[0]["seconds"] == nil {
				t.Fatalf("logged %v, want first one with the reason %s", ends, want)
			}
			got := s.server.Snapshot()
			if got.EndedBy[want] != 1 || uint64(len(ends)) != got.Created || got.Ended != got.Created {
				t.Errorf("%d lines for %d allocations, counted %v", len(ends), got.Created, got.EndedBy)
			}
		})
	}
}
