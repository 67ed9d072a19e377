package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"callbox/internal/netaddr"
	"callbox/signaling/protocol"
)

// turnFree are the listeners of callbox turn on free ports of loopback.
func turnFree() []string {
	return []string{"--admin", "127.0.0.1:0", "--turn-udp", "127.0.0.1:0", "--turn-tcp", "127.0.0.1:0", "--turn-tls", "127.0.0.1:0"}
}

// startTURN runs callbox turn on free ports with the given flags until the
// test ends.
func startTURN(t *testing.T, flags ...string) *running {
	t.Helper()
	return startEnv(t, noEnv, append(append([]string{"turn"}, turnFree()...), flags...)...)
}

// credential runs callbox turn-credential.
func (r *running) credential(t *testing.T, flags ...string) protocol.ICEServer {
	t.Helper()
	code, stdout, stderr := runToEnd(t, noEnv, append([]string{"turn-credential", "--json", "--data", r.data}, flags...)...)
	var made protocol.ICEServer
	if err := json.Unmarshal([]byte(stdout), &made); err != nil || code != exitOK || stderr != "" {
		t.Fatalf("exit code %d, %q, %q, %v", code, stdout, stderr, err)
	}
	return made
}

// at returns the address of an endpoint of the ready line.
func (r *running) at(t *testing.T, transport string) string {
	t.Helper()
	for _, endpoint := range r.ready.TURN {
		if scheme, address, _ := strings.Cut(endpoint, "://"); scheme == transport {
			return address
		}
	}
	t.Fatalf("no %s in the ready line %+v", transport, r.ready)
	return ""
}

// TestTURN creates relays over each transport, with credentials of the command line, and
// sends datagrams between two of them.
func TestTURN(t *testing.T) {
	t.Parallel()
	r := startTURN(t)
	if r.ready.HTTP != "" || r.ready.HTTPS != "" || len(r.ready.TURN) != 3 {
		t.Errorf("ready line %+v, want three TURN listeners and admin alone", r.ready)
	}
	for _, transport := range []string{"udp", "tcp", "tls"} {
		ann, bo := r.credential(t, "--user", "ann-"+transport), r.credential(t)
		one, err := r.newTURNClient(t, transport, r.at(t, transport), ann).Allocate()
		if err != nil {
			t.Fatalf("allocate by %s: %v", transport, err)
		}
		two, err := r.newTURNClient(t, transport, r.at(t, transport), bo).Allocate()
		if err != nil {
			t.Fatalf("allocate by %s: %v", transport, err)
		}
		relayRoundTrip(t, one, two)
		found := false
		for _, relay := range r.relays(t, "") {
			found = found || relay.User == "ann-"+transport && relay.Relayed == netaddr.AddrPort(one.LocalAddr())
		}
		if !found {
			t.Errorf("GET /relays does not list the relay of ann-%s", transport)
		}
		_ = one.Close() // the server ends them otherwise
		_ = two.Close()
	}
}

// relayRoundTrip sends a datagram from one relay to another, and one back.
func relayRoundTrip(t *testing.T, one, two net.PacketConn) {
	t.Helper()
	// A first datagram creates the permission for what comes back.
	for _, way := range []struct{ from, to net.PacketConn }{{two, one}, {one, two}, {two, one}} {
		if _, err := way.from.WriteTo([]byte("hello"), way.to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, 100)
	for _, conn := range []net.PacketConn{two, one} {
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if n, _, err := conn.ReadFrom(got); err != nil || !bytes.Equal(got[:n], []byte("hello")) {
			t.Fatalf("read %q, %v", got[:n], err)
		}
	}
}

func TestTURNAdmin(t *testing.T) {
	t.Parallel()
	r := startTURN(t)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n", "/relays": "[]\n"} {
		if got := r.get(t, r.ready.Admin+path); got.status != http.StatusOK || got.body != want {
			t.Errorf("GET %s: %d, %q, want %q", path, got.status, got.body, want)
		}
	}
	if got := r.get(t, r.ready.Admin+"/rooms"); got.status != http.StatusNotFound {
		t.Errorf("GET /rooms: %d, want 404: there are none", got.status)
	}
	metrics := r.get(t, r.ready.Admin+"/metrics").body
	for want, present := range map[string]bool{"\ncallbox_turn_allocations 0\n": true, "callbox_build_info{": true, "callbox_signaling": false, "callbox_calls": false} {
		if strings.Contains(metrics, want) != present {
			t.Errorf("GET /metrics has %q: %v", want, !present)
		}
	}
}

// TestTURNSecretChanges reads a new secret without a restart.
func TestTURNSecretChanges(t *testing.T) {
	t.Parallel()
	r := startTURN(t)
	before := r.credential(t)
	writeFile(t, r.data+"/"+turnSecretFile, strings.Repeat("n", 32)+"\n")
	eventually(t, func() error {
		if !strings.Contains(r.stderr.String(), "file reloaded") {
			return fmt.Errorf("the new secret was not read:\n%s", r.stderr)
		}
		return nil
	})
	if err := r.tryAllocate(t, r.at(t, "tcp"), r.credential(t)); err != nil {
		t.Errorf("with the new secret: %v", err)
	}
	if err := r.tryAllocate(t, r.at(t, "tcp"), before); err == nil {
		t.Error("a credential of the old secret still makes relays")
	}
}

// TestTURNSignal stops the process with a relay in use and an incomplete request.
func TestTURNSignal(t *testing.T) {
	t.Parallel()
	p := startProcess(t, t.TempDir(), append([]string{"turn"}, turnFree()...)...)
	p.allocate(t, "udp", p.at(t, "udp"), p.credential(t))
	half, err := net.Dial("tcp", p.at(t, "tcp"))
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if _, err := half.Write([]byte{0, 3, 0}); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.end(t); err != nil {
		t.Errorf("%v\n%s", err, p.stderr)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("ended after %v, want at most 10 s", took)
	}
	for _, want := range []string{`msg="shutting down"`, `msg="shut down"`} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("standard error does not say %q:\n%s", want, p.stderr)
		}
	}
}

func TestTURNFaults(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for _, tc := range []struct {
		name string
		env  environment
		args []string
		want []string // beginnings of lines
	}{
		{"nothing to serve", noEnv, []string{"--turn-udp=", "--turn-tcp=", "--turn-tls="}, []string{"--turn-udp, --turn-tcp, --turn-tls: all are off"}},
		{"flags of serve", noEnv, []string{"--http", ":0", "--room-capacity=3"}, []string{"unknown flag --http", "unknown flag --room-capacity"}},
		{"everything at once", noEnv, []string{
			"--turn-tcp", taken.Addr().String(), "--public-ip", "nowhere", "--relay-ports", "9-1", "--turn-secret", "short", "--realm=", "--turn-deny-peer", "x", "--admin", "x", "--tls-key", "k",
		}, []string{
			"--turn-tcp: ", "--public-ip: ", "--relay-ports: ", "--turn-secret: ", "--realm: ", "--turn-deny-peer: ", "--admin: ", "--tls-cert, --tls-key: ",
		}},
	} {
		data := t.TempDir() + "/data"
		args := append(append([]string{"turn", "--data", data}, turnFree()...), tc.args...)
		code, stdout, stderr := runToEnd(t, tc.env, args...)
		if code != exitUsage || stdout != "" {
			t.Errorf("%s: exit code %d, %q; want %d and nothing", tc.name, code, stdout, exitUsage)
		}
		for _, want := range tc.want {
			if !strings.Contains(stderr, "callbox: "+want) {
				t.Errorf("%s: standard error does not say %q:\n%s", tc.name, want, stderr)
			}
		}
		if lines := strings.Count(stderr, "callbox: "); lines != len(tc.want) {
			t.Errorf("%s: %d faults told, want %d:\n%s", tc.name, lines, len(tc.want), stderr)
		}
	}
	if code, _, stderr := runToEnd(t, noEnv, append([]string{"turn"}, turnFree()...)...); code != exitUsage || !strings.Contains(stderr, "--data: there is no home folder") {
		t.Errorf("without a folder: exit code %d, %s", code, stderr)
	}
}

// TestTURNReadyText checks that the text says how users get credentials.
func TestTURNReadyText(t *testing.T) {
	t.Parallel()
	l := &listeners{turnTCP: []net.Listener{listenerAt("0.0.0.0:3478")}}
	text := l.newReady(netip.MustParseAddr("192.168.1.5"), "/").text()
	for want, present := range map[string]bool{"tcp://192.168.1.5:3478": true, "turn-credential": true, "phone": false, "http": false} {
		if strings.Contains(text, want) != present {
			t.Errorf("the text says %q: %v\n%s", want, !present, text)
		}
	}
}
