package peer_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/transport/v5/vnet"
	"github.com/pion/webrtc/v4"

	"callbox/peer"
	"callbox/signaling/protocol"
	"callbox/turnserver"
)

// internet is a virtual network: our TURN server on it, and two homes behind NATs.
type internet struct {
	homes   [2]*vnet.Net
	outside [2]string // the NATs' addresses
	turn    *turnserver.Server
	apart   atomic.Bool // the homes do not reach each other
}

// buildingNetwork is held while a virtual network is created, because vnet counts MAC
// addresses in a variable that all networks share.
var buildingNetwork sync.Mutex

const turnAddress = "203.0.113.1"

// portRestricted is a NAT of the most common kind (RFC 4787): one mapping for
// all destinations, and only addresses that were sent to may answer.
func portRestricted() *vnet.NATType {
	return &vnet.NATType{
		MappingBehavior:   vnet.EndpointIndependent,
		FilteringBehavior: vnet.EndpointAddrPortDependent,
	}
}

// symmetric is a NAT with a mapping for each address and port.
func symmetric() *vnet.NATType {
	return &vnet.NATType{
		MappingBehavior:   vnet.EndpointAddrPortDependent,
		FilteringBehavior: vnet.EndpointAddrPortDependent,
	}
}

func newInternet(tb testing.TB, nat func() *vnet.NATType) *internet {
	tb.Helper()
	buildingNetwork.Lock()
	defer buildingNetwork.Unlock()
	loggers := logging.NewDefaultLoggerFactory()
	loggers.DefaultLogLevel = logging.LogLevelDisabled
	check := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	wan, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "203.0.113.0/24", LoggerFactory: loggers})
	check(err)
	server, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{turnAddress}})
	check(err)
	check(wan.AddNet(server))

	in := &internet{outside: [2]string{"203.0.113.11", "203.0.113.12"}}
	for i, cidr := range []string{"10.1.0.0/24", "10.2.0.0/24"} {
		lan, err := vnet.NewRouter(&vnet.RouterConfig{
			CIDR: cidr, StaticIPs: []string{in.outside[i]}, NATType: nat(), LoggerFactory: loggers,
		})
		check(err)
		in.homes[i], err = vnet.NewNet(&vnet.NetConfig{})
		check(err)
		check(lan.AddNet(in.homes[i]))
		check(wan.AddRouter(lan))
	}
	wan.AddChunkFilter(func(c vnet.Chunk) bool {
		from, to := hostOf(c.SourceAddr()), hostOf(c.DestinationAddr())
		return !in.apart.Load() || !slices.Contains(in.outside[:], from) || !slices.Contains(in.outside[:], to)
	})
	check(wan.Start())
	tb.Cleanup(func() { check(wan.Stop()) })

	udp, err := server.ListenPacket("udp4", turnAddress+":3478")
	check(err)
	in.turn, err = turnserver.New(turnserver.Config{
		Secrets:     [][]byte{[]byte("a secret that only tests know of")},
		PacketConns: []net.PacketConn{udp},
		RelayIPs:    []netip.Addr{netip.MustParseAddr(turnAddress)},
		// The virtual internet uses a documentation range, which is denied by default.
		AllowPeers:   []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
		ListenPacket: server.ListenPacket,
	})
	check(err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		check(in.turn.Close(ctx))
	})
	return in
}

// hostOf returns the IP address of a UDP address.
func hostOf(a net.Addr) string { return a.(*net.UDPAddr).IP.String() }

// serve starts signaling, which is outside of the virtual network.
func (in *internet) serve(tb testing.TB) *server {
	tb.Helper()
	return serve(tb, func(id string) []protocol.ICEServer {
		username, password := in.turn.Credential(id, time.Minute)
		return []protocol.ICEServer{
			{URLs: []string{"stun:" + turnAddress + ":3478"}},
			{URLs: []string{"turn:" + turnAddress + ":3478?transport=udp"}, Username: username, Credential: password},
		}
	})
}

// bots returns two configurations, one in each home.
func (in *internet) bots(tb testing.TB, s *server, policy peer.ICEPolicy) (a, b peer.Config) {
	tb.Helper()
	a, b = s.bot(tb, "Ann"), s.bot(tb, "Bo")
	for i, cfg := range []*peer.Config{&a, &b} {
		cfg.Net, cfg.ICE = in.homes[i], policy
		cfg.SettingEngine = func(s *webrtc.SettingEngine) { s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled) }
	}
	return a, b
}

func TestServerReflexiveCallThroughTwoNATs(t *testing.T) {
	t.Parallel()
	in := newInternet(t, portRestricted)
	a, b := in.bots(t, in.serve(t), peer.Srflx)
	first, second := callUntil(t, a, b, 20)
	for _, r := range []*peer.Report{first, second} {
		checkMedia(t, r)
		if p := r.Path; p == nil || p.Type != peer.Direct || p.Local.Type != "srflx" || p.Local.RelayProtocol != nil {
			t.Errorf("path: %+v", r.Path)
		}
	}
	if n := len(in.turn.Allocations()); n != 0 {
		t.Errorf("%d allocations in a call without relays", n)
	}
}

func TestAllFindsAWayThroughTwoNATs(t *testing.T) {
	t.Parallel()
	in := newInternet(t, portRestricted)
	a, b := in.bots(t, in.serve(t), peer.All)
	first, second := callUntil(t, a, b, 10)
	checkMedia(t, first)
	checkMedia(t, second)
}

// Between two symmetric NATs there is no direct path: srflx fails, relay works.
func TestSymmetricNATsNeedTheRelay(t *testing.T) {
	t.Parallel()
	in := newInternet(t, symmetric)
	s := in.serve(t)
	a, b := in.bots(t, s, peer.Srflx)
	b.Room, a.Room = "direct", "direct"
	a.ConnectTimeout, b.ConnectTimeout = 3*time.Second, patience // gathering takes its time on a busy machine
	join(t, b)
	checkOutcome(t, run(t, a), peer.NotConnected, "a TURN server that both sides can reach would help")

	a, b = in.bots(t, s, peer.All)
	first, second := callUntil(t, a, b, 10)
	for _, r := range []*peer.Report{first, second} {
		checkMedia(t, r)
		if r.Path == nil || r.Path.Type != peer.Relayed {
			t.Errorf("path: %+v", r.Path)
		}
	}
}

// Host candidates of two homes do not reach each other.
func TestHostCandidatesDoNotCrossNATs(t *testing.T) {
	t.Parallel()
	in := newInternet(t, portRestricted)
	a, b := in.bots(t, in.serve(t), peer.Host)
	a.ConnectTimeout = shortTimeout
	join(t, b)
	checkOutcome(t, run(t, a), peer.NotConnected, "no candidate pair worked")
}

// A call that begins over a relay moves to the direct path when that works, and loses nothing.
func TestRelayedCallMovesToDirectPath(t *testing.T) {
	t.Parallel()
	in := newInternet(t, portRestricted)
	in.apart.Store(true)
	a, b := in.bots(t, in.serve(t), peer.All)
	calls := []*peer.Call{join(t, a), join(t, b)}
	for _, c := range calls {
		if err := c.WaitFrames(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		if path := pathOf(t, c); path != peer.Relayed {
			t.Errorf("the call began over a path of type %s", path)
		}
	}
	in.apart.Store(false)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, c := range calls {
		for frames := 20; pathOf(t, c) != peer.Direct; frames += 5 {
			if err := c.WaitFrames(ctx, frames); err != nil {
				t.Fatalf("the call stays on the relay: %v", err)
			}
		}
	}
	for _, c := range calls {
		if err := c.WaitFrames(ctx, 120); err != nil {
			t.Fatal(err)
		}
	}
	calls[0].Hangup()
	for _, c := range calls {
		r := c.Wait()
		checkMedia(t, r)
		if p := r.Path; p.Type != peer.Direct || len(p.Moves) != 1 || p.Moves[0].From.Type != peer.Relayed || *p.ICERestarts != 0 {
			t.Errorf("path: %+v", p)
		}
	}
}

// With StayOnRelay it does not.
func TestRelayedCallStays(t *testing.T) {
	t.Parallel()
	in := newInternet(t, portRestricted)
	in.apart.Store(true)
	a, b := in.bots(t, in.serve(t), peer.All)
	a.StayOnRelay, b.StayOnRelay = true, true
	calls := []*peer.Call{join(t, a), join(t, b)}
	for _, frames := range []int{10, 120} { // a call that moves has done so after six seconds
		for _, c := range calls {
			if err := c.WaitFrames(t.Context(), frames); err != nil {
				t.Fatal(err)
			}
			if path := pathOf(t, c); path != peer.Relayed {
				t.Errorf("after %d frames, the path is %s", frames, path)
			}
		}
		in.apart.Store(false)
	}
}

// pathOf returns the type of the path that media takes.
func pathOf(t *testing.T, c *peer.Call) peer.PathType {
	t.Helper()
	stats, err := c.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats.Path.Type
}
