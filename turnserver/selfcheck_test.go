package turnserver_test

import (
	"net/netip"
	"testing"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// TestCheckRelays checks a public address that leads here, and one that leads to another socket of this
// machine, as behind a NAT with a wrong configuration.
func TestCheckRelays(t *testing.T) {
	here, elsewhere := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.9")
	for _, tc := range []struct {
		public netip.Addr
		want   bool
	}{{here, true}, {elsewhere, false}} {
		s := start(t, func(c *turnserver.Config) {
			c.PublicIPs = []netip.Addr{tc.public}
			c.RelayPorts = turnserver.PortRange{Min: 21100, Max: 21199}
		})
		results := s.server.CheckRelays(t.Context())
		if len(results) != 1 {
			t.Fatalf("%d results, want 1", len(results))
		}
		r := results[0]
		if r.Reached != tc.want || r.Public != tc.public || r.Bound != here || r.Port < 21100 || r.Port > 21199 {
			t.Errorf("public address %v: %+v, want reached: %v", tc.public, r, tc.want)
		}
		if snapshot := s.server.Snapshot(); snapshot.Created != 0 {
			t.Errorf("the check counts as %d allocations", snapshot.Created)
		}
	}
}

// TestCheckRelaysGivesPortBack checks that no port in use is taken, and that the port is given back.
func TestCheckRelaysGivesPortBack(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.RelayPorts = turnserver.PortRange{Min: 21200, Max: 21200} })
	for range 2 {
		if r := s.server.CheckRelays(t.Context())[0]; !r.Reached || r.Err != nil {
			t.Fatalf("the only port: %+v", r)
		}
	}
	c := s.rawAs(t, "ann")
	c.allocate(t)
	if r := s.server.CheckRelays(t.Context())[0]; r.Reached || r.Err == nil {
		t.Errorf("with the only port in use: %+v", r)
	}
}

// TestSetPublicIPs checks that new relays are advertised at the new address, live ones keep theirs, and
// the new address is denied as a peer.
func TestSetPublicIPs(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.PublicIPs = []netip.Addr{netip.MustParseAddr("198.18.0.1")} })
	ann := s.rawAs(t, "ann")
	ann.allocate(t)
	public := netip.MustParseAddr("9.9.9.9") // which no range of the deny list has in it
	peer := xorPeer{netip.AddrPortFrom(public, 9)}
	wantSuccess(t, ann.request(t, stun.MethodCreatePermission, peer))
	for _, ips := range [][]netip.Addr{{netip.MustParseAddr("2001:db8::1")}, {netip.MustParseAddr("0.0.0.0")}, {{}}} {
		if err := s.server.SetPublicIPs(ips); err == nil {
			t.Errorf("public addresses %v were taken", ips)
		}
	}
	if err := s.server.SetPublicIPs([]netip.Addr{public}); err != nil {
		t.Fatal(err)
	}
	if code := errorCode(ann.request(t, stun.MethodCreatePermission, peer)); code != stun.CodeForbidden {
		t.Errorf("a peer at the new address of this server: %d, want 403", code)
	}
	s.rawAs(t, "bo").allocate(t)
	live := s.server.Allocations()
	if len(live) != 2 || live[0].Relayed.Addr() != netip.MustParseAddr("198.18.0.1") || live[1].Relayed.Addr() != public {
		t.Errorf("relays %+v", live)
	}
	if err := s.server.SetPublicIPs(nil); err != nil {
		t.Fatal(err)
	}
	s.rawAs(t, "cy").allocate(t)
	if live := s.server.Allocations(); len(live) != 3 || live[2].Relayed.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("relays %+v", live)
	}
}
