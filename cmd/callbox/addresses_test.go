package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func splitList(texts string) []string {
	if texts == "" {
		return nil
	}
	return strings.Split(texts, ",")
}

func TestRelayIPs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		machine       *machine
		given, public string
		want          string // addresses, or the fault
	}{
		{"first of each family", machineOf("127.0.0.1,::1,10.0.0.1,10.0.0.2,2001:db8::1"), "", "", "[10.0.0.1 2001:db8::1]"},
		{"where the internet is", machineOf("127.0.0.1,10.0.0.1,10.0.0.2", "10.0.0.2"), "", "", "[10.0.0.2]"},
		{"a route by loopback does not count", machineOf("127.0.0.1,10.0.0.1", "127.0.0.1"), "", "", "[10.0.0.1]"},
		{"loopback alone", machineOf("127.0.0.1,::1"), "", "", "[127.0.0.1]"},
		{"public and local", machineOf("127.0.0.1,10.0.0.1,203.0.113.7"), "", "203.0.113.7", "[203.0.113.7]"},
		{"public behind a NAT", machineOf("127.0.0.1,10.0.0.1"), "", "203.0.113.7", "[10.0.0.1]"},
		{"public behind a NAT, both families", machineOf("127.0.0.1,10.0.0.1,fd00::1"), "", "203.0.113.7,2001:db8::7", "[10.0.0.1 fd00::1]"},
		{"public of a missing family", machineOf("127.0.0.1,10.0.0.1"), "", "2001:db8::7", "--public-ip: 2001:db8::7 cannot be used for relays: this machine has no address of that family"},
		{"two public, one local", machineOf("127.0.0.1,10.0.0.1"), "", "203.0.113.7,203.0.113.8", "--public-ip: 203.0.113.8 is a second public address for relays on 10.0.0.1; give one --relay-ip for each, in the same order"},
		{"given", machineOf("127.0.0.1,10.0.0.1"), "10.0.0.9", "", "[10.0.0.9]"},
		{"given, in pairs", machineOf("127.0.0.1"), "10.0.0.1,10.0.0.2", "203.0.113.7,203.0.113.8", "[10.0.0.1 10.0.0.2]"},
		{"given, one a family", machineOf("127.0.0.1"), "10.0.0.1,fd00::1", "2001:db8::7,203.0.113.7", "[10.0.0.1 fd00::1]"},
		{"given, public for one family", machineOf("127.0.0.1"), "10.0.0.1,fd00::1", "203.0.113.7", "[10.0.0.1 fd00::1]"},
		{"given, not enough", machineOf("127.0.0.1"), "10.0.0.1", "203.0.113.7,203.0.113.8", "--public-ip: 2 public addresses for 1 of --relay-ip; give as many of each family, in the same order"},
		{"given, of another family", machineOf("127.0.0.1"), "10.0.0.1", "2001:db8::7", "--public-ip: 1 public addresses for 0 of --relay-ip; give as many of each family, in the same order"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var faults faults
			got := fmt.Sprint(tc.machine.relayIPs(ips(tc.given), ips(tc.public), &faults))
			if len(faults) > 0 {
				got = faults.err().Error()
			}
			if got != tc.want {
				t.Errorf("relay addresses %s, want %s", got, tc.want)
			}
		})
	}
}

func TestReachableFromOutside(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"93.184.216.34": true, "2606:4700::1": true, "10.0.0.1": false, "192.168.1.1": false, "172.20.0.1": false, "100.64.0.1": false,
		"127.0.0.1": false, "169.254.1.1": false, "fd00::1": false, "fe80::1": false, "::1": false,
	} {
		if got := reachableFromOutside(netip.MustParseAddr(text)); got != want {
			t.Errorf("reachableFromOutside(%s) = %v, want %v", text, got, want)
		}
	}
}

// TestThisMachine asks the kernel, which knows at least the loopback address.
func TestThisMachine(t *testing.T) {
	t.Parallel()
	m, err := thisMachine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !m.has(loopback()) {
		t.Errorf("addresses %v, want 127.0.0.1 among them", m.addrs)
	}
	if addr := m.any(); !m.has(addr) {
		t.Errorf("any() = %v, which is none of %v", addr, m.addrs)
	}
}

func TestDataFolder(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		system string
		env    map[string]string
		want   string
	}{
		{"linux", map[string]string{"HOME": "/home/ann"}, "/home/ann/.local/share/callbox"},
		{"linux", map[string]string{"HOME": "/home/ann", "XDG_DATA_HOME": "/data"}, "/data/callbox"},
		{"linux", map[string]string{"HOME": "/home/ann", "XDG_DATA_HOME": "relative"}, "/home/ann/.local/share/callbox"},
		{"linux", nil, ""},
		{"darwin", map[string]string{"HOME": "/Users/ann"}, "/Users/ann/Library/Application Support/callbox"},
		{"darwin", nil, ""},
		{"windows", map[string]string{"LocalAppData": "/c/ann"}, "/c/ann/callbox"},
	} {
		if got := dataFolder(envOf(tc.env), tc.system); got != tc.want {
			t.Errorf("%s, %v: %q, want %q", tc.system, tc.env, got, tc.want)
		}
	}
}
