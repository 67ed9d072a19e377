package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling/protocol"
	"callbox/turnserver"
)

func TestParseByteRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]byteRate{
		"0": 0, "0K": 0, "1000": 1000, "1K": 1000, "1k": 1000, "500K": 500_000, "10M": 10_000_000, "2g": 2_000_000_000, "1000G": 1_000_000_000_000,
	} {
		if got, err := parseByteRate(text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "K", "1", "999", "-1K", "+1K", "1.5M", "10MB", "10 M", "1001G", "9999999999999999999G", "1T", "ten"} {
		if got, err := parseByteRate(text); err == nil {
			t.Errorf("%q: %d, want an error", text, got)
		}
	}
}

// TestTurnLimits checks that each flag sets the right limit of the server.
func TestTurnLimits(t *testing.T) {
	t.Parallel()
	limits := func(args ...string) turnserver.Limits {
		line := parse(append([]string{"turn"}, args...), noEnv, streams{stdout: io.Discard, stderr: io.Discard})
		got := line.cli.Turn.limits(&line.faults)
		if len(line.faults) > 0 {
			t.Error(line.faults.err())
		}
		return got
	}
	var defaults turnserver.Limits
	defaults.UserAllocations, defaults.AddressAllocations, defaults.TotalAllocations = turnserver.DefaultUserAllocations, turnserver.DefaultAddressAllocations, turnserver.DefaultTotalAllocations
	defaults.FixedAllocations = turnserver.DefaultFixedAllocations
	defaults.Permissions, defaults.Channels = turnserver.DefaultPermissions, turnserver.DefaultChannels
	defaults.AddressConnections, defaults.Unauthenticated = turnserver.DefaultAddressConnections, turnserver.DefaultUnauthenticated
	defaults.UserBytes, defaults.TotalBytes = turnserver.DefaultUserBytes, -1
	if got := limits(); got != defaults {
		t.Errorf("without flags: %+v, want %+v", got, defaults)
	}
	got := limits("--turn-user-quota=1", "--turn-address-quota=2", "--turn-total-quota=3", "--turn-fixed-quota=9", "--turn-peers=4", "--turn-connections=5", "--turn-answers=6", "--turn-max-bps=7K", "--turn-total-bps=8M")
	want := turnserver.Limits{
		UserAllocations: 1, FixedAllocations: 9, AddressAllocations: 2, TotalAllocations: 3, Permissions: 4, Channels: 4,
		AddressConnections: 5, Unauthenticated: 6, UserBytes: 7000, TotalBytes: 8_000_000,
	}
	if got != want {
		t.Errorf("with flags: %+v, want %+v", got, want)
	}
	got = limits("--turn-user-quota=0", "--turn-fixed-quota=0", "--turn-address-quota=0", "--turn-total-quota=0", "--turn-peers=0", "--turn-connections=0", "--turn-answers=0", "--turn-max-bps=0", "--turn-total-bps=0")
	off := turnserver.Limits{
		UserAllocations: -1, FixedAllocations: -1, AddressAllocations: -1, TotalAllocations: -1, Permissions: -1, Channels: -1,
		AddressConnections: -1, Unauthenticated: -1, UserBytes: -1, TotalBytes: -1,
	}
	if got != off {
		t.Errorf("switched off: %+v", got)
	}
}

// wantMetric waits until the metrics contain a line.
func (r *running) wantMetric(t *testing.T, line string) {
	t.Helper()
	eventually(t, func() error {
		if text := r.get(t, r.ready.Admin+"/metrics").body; !strings.Contains(text, "\n"+line+"\n") {
			name, _, _ := strings.Cut(line, "{")
			_, found, _ := strings.Cut(text, "\n"+name)
			found, _, _ = strings.Cut(found, "#")
			return fmt.Errorf("the metrics do not say %q but %q", line, found)
		}
		return nil
	})
}

// wantRelays waits until there are relays of exactly these users.
func (r *running) wantRelays(t *testing.T, users ...string) {
	t.Helper()
	eventually(t, func() error {
		var got []string
		for _, relay := range r.relays(t, "") {
			got = append(got, relay.User)
		}
		if fmt.Sprint(got) != fmt.Sprint(users) {
			return fmt.Errorf("relays of %q, want %q", got, users)
		}
		return nil
	})
}

func (r *running) request(t *testing.T, method, path string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.ready.Admin+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r.do(t, request).status
}

// TestQuotas checks that the limits of the command line are enforced, and that refusals
// are counted.
func TestQuotas(t *testing.T) {
	t.Parallel()
	r := startTURN(t, "--turn-user-quota", "1", "--turn-total-quota", "2")
	ann := r.credential(t, "--user", "ann")
	r.allocate(t, "tcp", r.at(t, "tcp"), ann)
	if err := r.tryAllocate(t, r.at(t, "tcp"), ann); err == nil {
		t.Error("a second relay of one user was made")
	}
	r.allocate(t, "udp", r.at(t, "udp"), r.credential(t, "--user", "bo"))
	if err := r.tryAllocate(t, r.at(t, "tcp"), r.credential(t)); err == nil {
		t.Error("a third relay of all was made")
	}
	r.wantMetric(t, `callbox_turn_allocations_refused_total{reason="user_quota"} 1`)
	r.wantMetric(t, `callbox_turn_allocations_refused_total{reason="total_quota"} 1`)
	r.wantMetric(t, `callbox_turn_allocations 2`)
}

// TestKickRelays lists relays, and ends those of one user.
func TestKickRelays(t *testing.T) {
	t.Parallel()
	r := startTURN(t)
	ann := r.credential(t, "--user", "ann/1")
	r.allocate(t, "tcp", r.at(t, "tcp"), ann)
	r.allocate(t, "tcp", r.at(t, "tcp"), r.credential(t, "--user", "bo"))
	listed := r.relays(t, "?clients=1")
	if len(listed) != 2 || !listed[0].Expires.After(time.Now().Add(time.Minute)) || listed[0].Permissions != 0 || listed[0].Channels != 0 || time.Since(listed[0].Since) > time.Hour || !listed[0].Client.IsValid() {
		t.Errorf("relays: %+v", listed)
	}
	for _, step := range []struct {
		path  string
		want  int
		users []string
		again bool
	}{
		{"/relays/nobody", http.StatusNotFound, []string{"ann/1", "bo"}, true},
		{"/relays/ann%2F1", http.StatusNoContent, []string{"bo"}, true},
		{"/relays/ann%2F1", http.StatusNotFound, []string{"bo"}, true},
		{"/relays/ann/1?revoke=maybe", http.StatusBadRequest, []string{"bo"}, true},
		{"/relays/ann/1?revoke=0", http.StatusNotFound, []string{"bo"}, true},
		{"/relays/ann/1?revoke=1", http.StatusNoContent, []string{"bo"}, false},
		{"/relays/%61nn%2f1?revoke=1", http.StatusNoContent, []string{"bo"}, false},
	} {
		if got := r.request(t, http.MethodDelete, step.path); got != step.want {
			t.Errorf("DELETE %s: %d, want %d", step.path, got, step.want)
		}
		r.wantRelays(t, step.users...)
		if len(step.users) > 1 {
			continue // the user has as many as at the start
		}
		if err := r.tryAllocate(t, r.at(t, "tcp"), ann); (err == nil) != step.again {
			t.Errorf("after DELETE %s: allocate: %v, want success: %v", step.path, err, step.again)
		}
		r.wantRelays(t, step.users...)
	}
	r.wantMetric(t, `callbox_turn_allocations_ended_total{reason="kicked"} 1`)
	r.wantMetric(t, `callbox_turn_revoked_users 1`)
	r.wantMetric(t, `callbox_turn_auth_failures_total{reason="revoked"} 2`)
}

// joinRoom joins the room of these tests; more are further fields of the frame.
func (r *running) joinRoom(t *testing.T, more string) (socket, protocol.Joined) {
	t.Helper()
	s := dialSocket(t, r.ready.HTTP, nil)
	if err := s.WriteMessage(websocket.TextMessage, []byte(`{"type":"join","id":1,"room":"quiet-river"`+more+`}`)); err != nil {
		t.Fatal(err)
	}
	_, text, err := s.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	frame, err := protocol.DecodeServerFrame(text)
	joined, ok := frame.(protocol.Joined)
	if err != nil || !ok {
		t.Fatalf("%s: %v", text, err)
	}
	return s, joined
}

// TestRevocationOutlastsItsVictim revokes the credentials of a peer, which then loses its
// seat and comes back to it.
func TestRevocationOutlastsItsVictim(t *testing.T) {
	t.Parallel()
	r := start(t, "--grace", "100ms")
	tcp := strings.TrimPrefix(r.ready.TURN[1], "tcp://")
	socket, ann := r.joinRoom(t, "")
	r.allocate(t, "tcp", tcp, ann.ICEServers[1])
	if got := r.request(t, http.MethodDelete, "/relays/"+ann.Peer+"?revoke=true"); got != http.StatusNoContent {
		t.Fatalf("DELETE /relays/%s?revoke=true: %d", ann.Peer, got)
	}
	r.wantRelays(t)
	_ = socket.NetConn().Close()
	eventually(t, func() error {
		if rooms := r.get(t, r.ready.Admin+"/rooms").body; rooms != "[]\n" {
			return fmt.Errorf("rooms: %s", rooms)
		}
		return nil
	})
	_, back := r.joinRoom(t, fmt.Sprintf(`,"resume":%q,"seq":0`, ann.Resume))
	if back.Peer != ann.Peer {
		t.Fatalf("coming back: %+v", back)
	}
	for _, credential := range []protocol.ICEServer{ann.ICEServers[1], back.ICEServers[1]} {
		if err := r.tryAllocate(t, tcp, credential); err == nil {
			t.Error("a revoked credential makes relays")
		}
	}
}

// TestRelaysEndWithTheSeat checks that a peer's relays and credential end when it leaves
// its room, but not while it is away.
func TestRelaysEndWithTheSeat(t *testing.T) {
	t.Parallel()
	r := start(t)
	tcp := strings.TrimPrefix(r.ready.TURN[1], "tcp://")
	annSocket, ann := r.joinRoom(t, "")
	boSocket, bo := r.joinRoom(t, "")
	r.allocate(t, "tcp", tcp, ann.ICEServers[1])
	r.allocate(t, "tcp", tcp, bo.ICEServers[1])

	_ = annSocket.NetConn().Close()
	if got := boSocket.next(t); got.Type != "away" {
		t.Fatalf("Bo hears %+v", got)
	}
	if err := r.tryAllocate(t, tcp, ann.ICEServers[1]); err != nil {
		t.Errorf("while away: %v", err)
	}
	r.wantRelays(t, ann.Peer, bo.Peer)
	annSocket, back := r.joinRoom(t, fmt.Sprintf(`,"resume":%q,"seq":1`, ann.Resume))
	if !back.Resumed || back.Peer != ann.Peer {
		t.Fatalf("coming back: %+v", back)
	}
	r.wantRelays(t, ann.Peer, bo.Peer)

	if got := annSocket.ask(t, `{"type":"leave","id":1}`); got.Type != "left" {
		t.Fatalf("leaving: %+v", got)
	}
	r.wantRelays(t, bo.Peer)
	for _, credential := range []protocol.ICEServer{ann.ICEServers[1], back.ICEServers[1]} {
		if err := r.tryAllocate(t, tcp, credential); err == nil {
			t.Error("a credential of the one who left makes relays")
		}
	}
	if err := r.tryAllocate(t, tcp, bo.ICEServers[1]); err != nil {
		t.Errorf("the one who stays: %v", err)
	}
	r.wantRelays(t, bo.Peer)
	// Kicked: the same.
	if got := r.request(t, http.MethodDelete, "/peers/"+bo.Peer); got != http.StatusNoContent {
		t.Errorf("DELETE /peers/%s: %d", bo.Peer, got)
	}
	r.wantRelays(t)
	r.wantMetric(t, `callbox_turn_allocations_ended_total{reason="revoked"} 2`)
	r.wantMetric(t, `callbox_turn_revoked_users 2`)
}

// TestDrain checks that the shutdown waits for the relays, and that no new ones are created
// meanwhile.
func TestDrain(t *testing.T) {
	t.Parallel()
	p := startProcess(t, t.TempDir(), append([]string{"turn", "--drain", "1h"}, turnFree()...)...)
	client := p.newTURNClient(t, "tcp", p.at(t, "tcp"), p.credential(t, "--user", "ann"))
	relay, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if got := p.get(t, p.ready.Admin+"/readyz"); got.status != http.StatusServiceUnavailable || got.body != "draining\n" {
			return fmt.Errorf("GET /readyz: %d %q", got.status, got.body)
		}
		return nil
	})
	if err := p.tryAllocate(t, p.at(t, "tcp"), p.credential(t)); err == nil {
		t.Error("a relay was made while draining")
	}
	p.wantMetric(t, `callbox_turn_allocations_refused_total{reason="draining"} 1`)
	p.wantRelays(t, "ann")
	if err := relay.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.end(t); err != nil {
		t.Errorf("%v\n%s", err, p.stderr)
	}
}

// TestDrainInTime checks that relays that do not end in time are closed.
func TestDrainInTime(t *testing.T) {
	t.Parallel()
	r := startTURN(t, "--drain", "50ms")
	r.allocate(t, "tcp", r.at(t, "tcp"), r.credential(t))
	if code := r.stop(); code != exitOK || !strings.Contains(r.stderr.String(), "closing the relays that did not end in time") {
		t.Errorf("exit code %d\n%s", code, r.stderr)
	}
}

func TestDrainByAdmin(t *testing.T) {
	t.Parallel()
	r := startTURN(t, "--drain", "1h")
	r.allocate(t, "tcp", r.at(t, "tcp"), r.credential(t, "--user", "ann"))
	if got := r.request(t, http.MethodPost, "/drain"); got != http.StatusAccepted {
		t.Errorf("POST /drain with a relay: %d, want 202", got)
	}
	if got := r.get(t, r.ready.Admin+"/readyz"); got.status != http.StatusServiceUnavailable || got.body != "draining\n" {
		t.Errorf("GET /readyz: %d %q", got.status, got.body)
	}
	r.wantMetric(t, "callbox_turn_draining 1")
	if err := r.tryAllocate(t, r.at(t, "tcp"), r.credential(t)); err == nil {
		t.Error("a relay was made while draining")
	}
	if got := r.request(t, http.MethodDelete, "/relays/ann"); got != http.StatusNoContent {
		t.Errorf("DELETE /relays/ann: %d", got)
	}
	r.wantRelays(t)
	if got := r.request(t, http.MethodPost, "/drain"); got != http.StatusNoContent {
		t.Errorf("POST /drain without a relay: %d, want 204", got)
	}
}

// TestRelayedMetrics checks the counters of traffic between two relays.
func TestRelayedMetrics(t *testing.T) {
	t.Parallel()
	r := startTURN(t)
	one, err := r.newTURNClient(t, "udp", r.at(t, "udp"), r.credential(t)).Allocate()
	if err != nil {
		t.Fatal(err)
	}
	two, err := r.newTURNClient(t, "udp", r.at(t, "udp"), r.credential(t)).Allocate()
	if err != nil {
		t.Fatal(err)
	}
	relayRoundTrip(t, one, two)
	eventually(t, func() error {
		text, sum := r.get(t, r.ready.Admin+"/metrics").body, 0
		// The first datagram may arrive before its permission.
		for _, name := range []string{`callbox_turn_from_peers_packets_total{path="short_cut"}`, `callbox_turn_dropped_packets_total{cause="no_permission"}`} {
			_, value, _ := strings.Cut(text, "\n"+name+" ")
			value, _, _ = strings.Cut(value, "\n")
			n, err := strconv.Atoi(value)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			sum += n
		}
		if sum != 3 {
			return fmt.Errorf("%d datagrams by the short cut or dropped, want 3", sum)
		}
		return nil
	})
	r.wantMetric(t, `callbox_turn_to_peers_packets_total{path="short_cut"} 3`)
	r.wantMetric(t, `callbox_turn_to_peers_bytes_total{path="short_cut"} 15`)
	r.wantMetric(t, `callbox_turn_from_peers_packets_total{path="channel"} 0`)
	r.wantMetric(t, `callbox_turn_dropped_packets_total{cause="user_rate"} 0`)
	for _, relay := range []net.PacketConn{one, two} {
		if err := relay.Close(); err != nil {
			t.Error(err)
		}
	}
	r.wantMetric(t, `callbox_turn_allocations_ended_total{reason="deleted"} 2`)
}
