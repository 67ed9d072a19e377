package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"callbox/doctor"
	"callbox/e2e/need"
	"callbox/e2e/netlab"
)

var fullDoctor = flag.Bool("doctor.full", false, "have callbox doctor find every fault of a network, not only two")

// ills are the codes that callbox doctor is to find, with their levels.
type ills map[doctor.Code]doctor.Level

// diagnose runs callbox doctor in a namespace.
func diagnose(t *testing.T, n *netlab.Namespace, s *server, at string) (*doctor.Report, int) {
	t.Helper()
	p, err := startProcess(n, []string{"SSL_CERT_FILE=" + s.ca, "SSL_CERT_DIR=/nonexistent"}, sharedBinary(t), "doctor", at, "--json")
	if err != nil {
		t.Fatal(err)
	}
	code, err := p.wait(doctor.MaxTime + 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var r doctor.Report
	if err := json.Unmarshal([]byte(p.stdout.String()), &r); err != nil {
		t.Fatalf("%v in %q\n%s", err, p.stdout.String(), p.stderr.String())
	}
	return &r, code
}

// wantFaults checks that exactly these faults were found.
func wantFaults(t *testing.T, name string, r *doctor.Report, code int, want ills) {
	t.Helper()
	got := ills{}
	failed := 0
	for _, f := range r.Findings {
		if f.Level == doctor.Warn || f.Level == doctor.Fail {
			got[f.Code] = f.Level
		}
		if f.Level == doctor.Fail {
			failed = 1
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || code != failed {
		t.Errorf("%s: found %v, exit code %d, want %v, %d\n%+v", name, got, code, want, failed, r.Findings)
	}
}

// nftIn adds a table to the firewall of a namespace, until the test ends.
func nftIn(t *testing.T, n *netlab.Namespace, table, rules string) {
	t.Helper()
	need.Program(t, "nft")
	nft := func(ctx context.Context, commands string) {
		t.Helper()
		command := exec.CommandContext(ctx, "ip", "netns", "exec", n.Name, "nft", "-f", "-")
		command.Stdin = strings.NewReader(commands)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("nft: %v\n%s", err, out)
		}
	}
	nft(t.Context(), "table "+table+" {\n"+rules+"\n}")
	t.Cleanup(func() { nft(context.Background(), "delete table "+table) })
}

// inputOf is a chain of the server's firewall for what client a sends.
func inputOf(rules ...string) string {
	return "chain input {\ntype filter hook input priority 0\n" + strings.Join(rules, "\n") + "\n}"
}

// portOf returns the port of a listener of TURN, such as "udp".
func (s *server) portOf(t *testing.T, protocol string) string {
	t.Helper()
	for _, address := range s.ready.TURN {
		if u, err := url.Parse(address); err == nil && u.Scheme == protocol {
			return u.Port()
		}
	}
	t.Fatalf("the server has no TURN over %s: %v", protocol, s.ready.TURN)
	return ""
}

// doctorServer starts a server of which everything works.
func doctorServer(t *testing.T, flags ...string) *server {
	t.Helper()
	s := startServer(t, append([]string{"--turn-udp", ":0", "--turn-tcp", ":0", "--turn-tls", ""}, flags...)...)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestDoctor has callbox doctor find what is wrong with the network of client a, and nothing wrong with that
// of client b.
func TestDoctor(t *testing.T) {
	lab := sharedLab(t)
	for _, c := range []struct {
		name  string
		short bool
		spoil func(t *testing.T, s *server)
		want  ills
	}{
		{"no UDP", true, func(t *testing.T, _ *server) {
			t.Helper()
			nftIn(t, lab.Server, "inet doctor", inputOf(`iifname "to-a" meta l4proto udp drop`))
		}, ills{doctor.UDPBlocked: doctor.Warn}},
		{"symmetric NAT, and TCP refused", true, func(t *testing.T, s *server) {
			t.Helper()
			natByDestination(t, lab.A)
			nftIn(t, lab.Server, "inet doctor", inputOf(`iifname "to-a" tcp dport `+s.portOf(t, "tcp")+` reject with tcp reset`))
		}, ills{doctor.MappingChanges: doctor.Warn, doctor.RelayRefused: doctor.Warn}},
		{"STUN blocked", false, func(t *testing.T, s *server) {
			t.Helper()
			nftIn(t, lab.Server, "inet doctor", inputOf(`iifname "to-a" udp dport `+s.portOf(t, "udp")+` drop`))
		}, ills{doctor.STUNBlocked: doctor.Warn, doctor.RelayUnreachable: doctor.Warn}},
		{"only HTTPS", false, func(t *testing.T, s *server) {
			t.Helper()
			nftIn(t, lab.Server, "inet doctor", inputOf(`iifname "to-a" meta l4proto udp drop`, `iifname "to-a" tcp dport `+s.portOf(t, "tcp")+` drop`))
		}, ills{doctor.UDPBlocked: doctor.Warn, doctor.RelayUnreachable: doctor.Warn}},
		{"relay carries nothing", false, func(t *testing.T, _ *server) {
			t.Helper()
			// ChannelData begins with the bits 01 (RFC 8656, section 12.4).
			nftIn(t, lab.Server, "inet doctor", inputOf(`iifname "to-a" meta l4proto udp @th,64,2 1 drop`))
		}, ills{doctor.RelaySilent: doctor.Warn}},
		{"large packets are lost", false, func(t *testing.T, _ *server) {
			t.Helper()
			setMTU(t, lab.Server, "to-a", 1000)
		}, ills{doctor.MTUTooSmall: doctor.Fail}},
		{"a small MTU that is large enough", false, func(t *testing.T, _ *server) {
			t.Helper()
			setMTU(t, lab.Server, "to-a", 1280)
		}, ills{}},
		{"large packets are lost, and TCP refused", false, func(t *testing.T, s *server) {
			t.Helper()
			setMTU(t, lab.Server, "to-a", 1000)
			nftIn(t, lab.Server, "inet doctor", inputOf(`iifname "to-a" tcp dport `+s.portOf(t, "tcp")+` reject with tcp reset`))
		}, ills{doctor.MTUTooSmall: doctor.Fail, doctor.RelayRefused: doctor.Warn}},
	} {
		if !c.short && !*fullDoctor {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			s := doctorServer(t)
			c.spoil(t, s)
			r, code := diagnose(t, lab.A, s, s.url)
			wantFaults(t, "a", r, code, c.want)
			r, code = diagnose(t, lab.B, s, s.url)
			wantFaults(t, "b", r, code, ills{})
		})
	}
}

// setMTU makes a link drop what is longer, without telling the sender, until the test ends.
func setMTU(t *testing.T, n *netlab.Namespace, link string, bytes int) {
	t.Helper()
	set := func(ctx context.Context, bytes int) {
		t.Helper()
		if out, err := exec.CommandContext(ctx, "ip", "-n", n.Name, "link", "set", link, "mtu", fmt.Sprint(bytes)).CombinedOutput(); err != nil {
			t.Fatalf("ip: %v\n%s", err, out)
		}
	}
	set(t.Context(), bytes)
	t.Cleanup(func() { set(context.Background(), 1500) })
}

// TestDoctorWithoutRelays checks a network that lets only the page through: a call could not work.
func TestDoctorWithoutRelays(t *testing.T) {
	if !*fullDoctor {
		t.Skip("make doctor runs it")
	}
	lab := sharedLab(t)
	sharedServer(t) // makes the certificate authority
	certificate := certificateWithName(t)
	s := doctorServer(t, "--http", lab.ServerAddr.String()+":0", "--https", "", "--tls-cert", certificate, "--tls-key", certificate)
	at, err := url.Parse(s.ready.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	nftIn(t, lab.Server, "inet doctor", inputOf(`iifname "to-a" tcp dport != `+at.Port()+` drop`, `iifname "to-a" meta l4proto udp drop`))
	r, code := diagnose(t, lab.A, s, s.ready.HTTP)
	wantFaults(t, "a", r, code, ills{doctor.UDPBlocked: doctor.Fail, doctor.RelayUnreachable: doctor.Fail})
	r, code = diagnose(t, lab.B, s, s.ready.HTTP)
	wantFaults(t, "b", r, code, ills{})
}

// TestDoctorNAT has callbox doctor tell kinds of NAT and of firewalls, with a server that has two addresses.
func TestDoctorNAT(t *testing.T) {
	if !*fullDoctor {
		t.Skip("make doctor runs it")
	}
	lab := sharedLab(t)
	second := lab.ServerAddr.Next().String()
	run := func(ctx context.Context, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %q: %v\n%s", args, err, out)
		}
	}
	run(t.Context(), "-n", lab.Server.Name, "addr", "add", second+"/24", "dev", "public")
	run(t.Context(), "-n", lab.A.Name, "route", "add", second, "via", "10.77.1.1")
	t.Cleanup(func() {
		run(context.Background(), "-n", lab.A.Name, "route", "del", second)
		run(context.Background(), "-n", lab.Server.Name, "addr", "del", second+"/24", "dev", "public")
	})
	const output, input, source = "chain out {\ntype filter hook output priority 0\n", "chain in {\ntype filter hook input priority 0\n", "chain post {\ntype nat hook postrouting priority 100\n"
	for _, c := range []struct {
		name, rules, mapping, filtering string
		want                            ills
	}{
		{"nothing", "", doctor.NoNAT, doctor.EndpointIndependent, ills{}},
		{"firewall", input + "meta l4proto udp ct state new drop\n}", doctor.NoNAT, doctor.AddressPortDependent, ills{}},
		{
			"firewall by address", "set seen {\ntype ipv4_addr\nflags dynamic,timeout\ntimeout 60s\n}\n" + output + "meta l4proto udp update @seen { ip daddr }\n}\n" +
				input + "meta l4proto udp ip saddr @seen accept\nmeta l4proto udp drop\n}",
			doctor.NoNAT, doctor.AddressDependent,
			ills{},
		},
		{"NAT", source + "meta l4proto udp snat to " + lab.AAddr.String() + ":10000-20000 persistent\n}", doctor.EndpointIndependent, doctor.AddressPortDependent, ills{}},
		{"symmetric NAT", source + "meta l4proto udp masquerade fully-random\n}", doctor.AddressPortDependent, doctor.AddressPortDependent, ills{doctor.MappingChanges: doctor.Warn}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := doctorServer(t, "--turn-udp", "", "--turn-udp", ":3478", "--turn-udp", ":3480", "--relay-ip", lab.ServerAddr.String(), "--relay-ip", second)
			if c.rules != "" {
				nftIn(t, lab.A, "ip doctor", c.rules)
			}
			r, code := diagnose(t, lab.A, s, s.url)
			wantFaults(t, "a", r, code, c.want)
			if mapping, filtering := r.Finding(doctor.Mapping), r.Finding(doctor.Filtering); mapping.Value != c.mapping || filtering.Value != c.filtering {
				t.Errorf("mapping %+v, want %s; filtering %+v, want %s", mapping, c.mapping, filtering, c.filtering)
			}
		})
	}
}
