package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver/publicip"
)

func TestPublicWarning(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"127.0.0.1": "loopback", "::1": "loopback", "169.254.1.1": "link-local", "fe80::1": "link-local", "172.17.0.2": "container bridge",
		"172.18.0.2": "private", "10.0.0.1": "private", "192.168.1.1": "private", "100.64.0.1": "shared", "fd00::1": "unique local",
		"9.9.9.9": "", "2620:fe::fe": "", "100.128.0.1": "", "172.32.0.1": "",
	} {
		if got := publicWarning(netip.MustParseAddr(addr)); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want something of %q", addr, got, want)
		}
	}
}

// serveBinding answers Binding requests with a given address.
func serveBinding(t *testing.T, seen net.IP) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		for buffer := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			request := &stun.Message{Raw: buffer[:n]}
			if request.Decode() != nil {
				continue
			}
			answer := stun.MustBuild(stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess, &stun.XORMappedAddress{IP: seen, Port: 7})
			_, _ = conn.WriteTo(answer.Raw, from) // the other side may be gone
		}
	}()
	return conn.LocalAddr().String()
}

// TestTURNPublicAddressOfSTUN advertises the address that a STUN server saw, here one of
// loopback, so that the relays can be tested there.
func TestTURNPublicAddressOfSTUN(t *testing.T) {
	t.Parallel()
	r := startTURN(t, "--public-ip", "stun:"+serveBinding(t, net.IPv4(127, 0, 0, 8)), "--relay-ip", "127.0.0.1")
	if relayed := r.allocate(t, "udp", r.at(t, "udp"), r.credential(t)); relayed.Addr() != netip.MustParseAddr("127.0.0.8") {
		t.Errorf("a relay at %v, want 127.0.0.8", relayed)
	}
	body := r.get(t, r.ready.Admin+"/readyz").body
	if !strings.HasPrefix(body, "ready\nwarning: --public-ip: it is a loopback") || !strings.Contains(body, "warning: the NAT in front of this machine changes ports") {
		t.Errorf("GET /readyz: %s", body)
	}
}

// TestTURNChecksReach tests the relays at a public address that leads to this machine, and
// at one where the TURN port answers but relays do not.
func TestTURNChecksReach(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--public-ip", "127.0.0.1", "--relay-ip", "127.0.0.1"}, "level=INFO msg=\"relays work at their public address"},
		{[]string{"--public-ip", "127.0.0.9", "--relay-ip", "127.0.0.1", "--turn-udp", "0.0.0.0:0"}, "reason=\"relay ports are closed"},
		{[]string{"--public-ip", "127.0.0.9", "--relay-ip", "127.0.0.1"}, "cannot be confirmed from here"},
	} {
		args := append(append([]string{"turn", "--admin", "127.0.0.1:0", "--turn-tcp=", "--turn-tls="}, tc.flags...), "--turn-udp", "127.0.0.1:0")
		r := startEnv(t, noEnv, args...)
		eventually(t, func() error {
			if !strings.Contains(r.stderr.String(), tc.want) {
				return errors.New(r.stderr.String())
			}
			return nil
		})
		if warned := strings.Contains(tc.want, "reason"); strings.Contains(r.get(t, r.ready.Admin+"/readyz").body, "relay ports are closed") != warned {
			t.Errorf("%q: GET /readyz tells it: %v", tc.flags, !warned)
		}
	}
}

func TestTURNPublicAddressUnknown(t *testing.T) {
	t.Parallel()
	closed, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := closed.LocalAddr().String()
	closed.Close()
	code, _, stderr := runToEnd(t, noEnv, append([]string{"turn", "--data", t.TempDir(), "--public-ip", "stun:" + at}, turnFree()...)...)
	if code != exitUsage || !strings.Contains(stderr, "callbox: --public-ip: stun:"+at+": ") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// TestPublicAddressesFollow changes an address: errors are logged once, and new addresses
// are applied.
func TestPublicAddressesFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &syncBuffer{}
		logger := slog.New(slog.NewTextHandler(log, nil))
		a := &publicAddresses{}
		first := ips("203.0.113.7")
		a.current.Store(&first)
		answers := []struct {
			addrs []netip.Addr
			err   error
		}{
			{addrs: first},
			{err: errors.New("no such host")},
			{err: errors.New("no such host")},
			{addrs: ips("203.0.113.8")},
			{addrs: ips("2001:db8::1")},
			{addrs: ips("203.0.113.8")},
		}
		asked := 0
		var applied []string
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.follow(ctx, time.Minute, func(context.Context) ([]netip.Addr, error) {
				answer := answers[asked]
				if asked++; asked == len(answers) {
					cancel()
				}
				return answer.addrs, answer.err
			}, logger, func(addrs []netip.Addr) error {
				if addrs[0].Is6() {
					return errors.New("no relay address of its family")
				}
				applied = append(applied, addrs[0].String())
				return nil
			})
		}()
		<-done
		if !slices.Equal(applied, []string{"203.0.113.8"}) || !slices.Equal(a.addrs(), ips("203.0.113.8")) || asked != len(answers) {
			t.Errorf("applied %v after %d questions, now %v", applied, asked, a.addrs())
		}
		for text, want := range map[string]int{"no such host": 1, "has changed": 1, "no relay address": 1} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("%q stands in the log %d times, want %d:\n%s", text, got, want, log)
			}
		}
	})
}

// TestPublicAddressesFamilies checks that addresses of families that this machine lacks
// are dropped, unless they were given explicitly.
func TestPublicAddressesFamilies(t *testing.T) {
	t.Parallel()
	var wrong faults
	a := newPublicAddresses([]string{"203.0.113.7", "2001:db8::7", "stun:" + serveBinding(t, net.IPv4(203, 0, 113, 7))}, &wrong)
	if err := wrong.err(); err != nil || !a.mayChange() {
		t.Fatalf("%v, may change: %v", err, a.mayChange())
	}
	addrs, err := a.find(t.Context(), &publicip.Finder{}, machineOf("127.0.0.1,10.0.0.1"), slog.New(slog.DiscardHandler))
	if err != nil || !slices.Equal(addrs, ips("203.0.113.7,2001:db8::7")) {
		t.Errorf("%v, %v", addrs, err)
	}
	if newPublicAddresses([]string{"203.0.113.7"}, &wrong).mayChange() {
		t.Error("an address may change")
	}
}
