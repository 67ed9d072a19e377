package e2e

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"callbox/doctor"
	"callbox/e2e/need"
	"callbox/e2e/netlab"
	"callbox/peer"
)

// behindNATs makes a network of its own, in which both clients are behind a NAT of the kind, and starts a
// server there. It has what calls and callbox doctor need: TLS on port 443, and two addresses (RFC 5780).
func behindNATs(t *testing.T, kind netlab.Kind) (*netlab.Lab, *server) {
	t.Helper()
	need.Root(t)
	need.Program(t, "ip", "nft")
	lab, err := netlab.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, client := range []*netlab.Namespace{lab.A, lab.B} {
		if _, err := lab.NAT(t.Context(), client, kind); err != nil {
			t.Fatal(err)
		}
	}
	second := lab.ServerAddr.Next()
	if out, err := exec.CommandContext(t.Context(), "ip", "-n", lab.Server.Name, "addr", "add", second.String()+"/24", "dev", "public").CombinedOutput(); err != nil {
		t.Fatalf("ip: %v\n%s", err, out)
	}
	s := startServerIn(t, lab, t.TempDir(), "--https", ":443", "--turn-udp", ":3478", "--turn-udp", ":3480", "--turn-tcp", ":3478", "--turn-tls", "",
		"--relay-ip", lab.ServerAddr.String(), "--relay-ip", second.String())
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return lab, s
}

// TestNATs makes a call between two bots behind NATs of the same kind, and has callbox doctor say
// which kind it is. The bots may use every path, so they have to find the one that works.
func TestNATs(t *testing.T) {
	sharedBinary(t) // built once, before the networks compete for it
	for _, c := range []struct {
		kind               netlab.Kind
		relays             []string // the protocols to a relay that the bots may use; none = the call is direct
		mapping, filtering string
		faults             ills
	}{
		{netlab.PortRestricted, nil, doctor.EndpointIndependent, doctor.AddressPortDependent, ills{}},
		{netlab.Symmetric, []string{"udp"}, doctor.AddressPortDependent, doctor.AddressPortDependent, ills{doctor.MappingChanges: doctor.Warn}},
		{netlab.UDPBlocked, []string{"tcp", "tls"}, "", "", ills{doctor.UDPBlocked: doctor.Warn}},
		{netlab.Only443, []string{"tls"}, "", "", ills{doctor.UDPBlocked: doctor.Warn, doctor.RelayUnreachable: doctor.Warn}},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			lab, s := behindNATs(t, c.kind)
			bots := []*botProcess{
				startBot(t, lab.A, s, "nat", "direct", 2*time.Second),
				startBot(t, lab.B, s, "nat", "direct", 2*time.Second),
			}
			r, code := diagnose(t, lab.A, s, s.url)
			wantFaults(t, string(c.kind), r, code, c.faults)
			if mapping, filtering := r.Finding(doctor.Mapping), r.Finding(doctor.Filtering); mapping.Value != c.mapping || filtering.Value != c.filtering {
				t.Errorf("mapping %+v, want %q; filtering %+v, want %q", mapping, c.mapping, filtering, c.filtering)
			}
			for i, b := range bots {
				report := b.report(t)
				if report.ExitCode != peer.Good {
					t.Errorf("the bot at %c: exit code %d, %s", "ab"[i], report.ExitCode, report.Reason)
				}
				checkNATPath(t, report.Path, c.relays)
			}
		})
	}
}

// checkNATPath checks that media went through a relay to which the bot connected by one of the protocols,
// or, if there are none, from NAT to NAT. The server's only TURN over TLS is on port 443.
func checkNATPath(t *testing.T, path *peer.Path, relays []string) {
	t.Helper()
	if path == nil {
		t.Error("there was no path")
		return
	}
	local, protocol, at := path.Local.Type, value(path.Local.RelayProtocol), value(path.Local.URL)
	if local != "relay" && path.Type == peer.Relayed {
		protocol = "udp" // to the relay of the other side, from one's own NAT
	}
	want := path.Type == peer.Relayed && slices.Contains(relays, protocol)
	if relays == nil {
		// A check may arrive before the candidate that it comes from is signaled.
		reflexive := []string{"srflx", "prflx"}
		want = path.Type == peer.Direct && slices.Contains(reflexive, local) && slices.Contains(reflexive, path.Remote.Type)
	}
	if !want || protocol == "tls" && !strings.Contains(at, ":443?") {
		t.Errorf("%s path from %s to %s, relay over %q at %q; want relays %q", path.Type, local, path.Remote.Type, protocol, at, relays)
	}
}
