package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// echoCallOf returns the configuration of a call that sends a pattern.
func echoCallOf(t *testing.T, r *running, room string) peer.Config {
	t.Helper()
	video, err := peer.Pattern(pattern.Size{Width: 320, Height: 240}, 15)
	if err != nil {
		t.Fatal(err)
	}
	return peer.Config{Server: r.ready.HTTP, Room: room, Video: video, Audio: peer.Tone(), Duration: -1}
}

// joinEcho makes a test call and waits until ten frames have come back.
func joinEcho(t *testing.T, cfg peer.Config) *peer.Call {
	t.Helper()
	call, err := peer.Join(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(call.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := call.WaitFrames(ctx, 10); err != nil {
		t.Fatal(err)
	}
	return call
}

func dialEcho(t *testing.T, r *running) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), client.Config{URL: r.ready.HTTP})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// packetCounter is a socket that counts what it gets.
type packetCounter struct {
	net.PacketConn
	packets atomic.Int64
}

func listenPackets(t *testing.T, address string) *packetCounter {
	t.Helper()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := &packetCounter{PacketConn: conn}
	var reading sync.WaitGroup
	reading.Go(func() {
		for buffer := make([]byte, 2048); ; c.packets.Add(1) {
			if _, _, err := conn.ReadFrom(buffer); err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		reading.Wait()
	})
	return c
}

// TestEcho makes test calls one after the other, and meanwhile tries to get into one.
func TestEcho(t *testing.T) {
	t.Parallel()
	r := start(t, "--relay-ip", "127.0.0.1")
	for range 2 {
		call := joinEcho(t, echoCallOf(t, r, "echo"))
		rooms := r.rooms(t)
		if len(rooms) != 1 || !strings.HasPrefix(rooms[0].Name, echoPrefix) || len(rooms[0].Peers) != 2 {
			t.Fatalf("the rooms are %+v, want a private one with two peers", rooms)
		}
		for room, want := range map[string]error{"echo": errEchoTwice, rooms[0].Name: errEchoOther} {
			cfg := echoCallOf(t, r, room)
			cfg.Refused = func(error, time.Duration) bool { return false }
			_, err := peer.Join(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), want.Error()) {
				t.Errorf("joining %s: %v, want: %v", room, err, want)
			}
		}
		call.Hangup()
		report := call.Wait()
		if report.ExitCode != peer.Good || report.Path == nil || report.Path.Remote.Type != "relay" {
			t.Errorf("exit code %d (%s), path %+v; want a good call with the bot behind a relay", report.ExitCode, report.Reason, report.Path)
		}
		eventually(t, func() error {
			if rooms := r.rooms(t); len(rooms) > 0 {
				return fmt.Errorf("rooms are left: %+v", rooms)
			}
			return nil
		})
	}
	for _, want := range []string{`callbox_echo_calls_total{result="connected"} 2`, `callbox_echo_calls_total{result="refused"} 2`, "callbox_echo_calls 0"} {
		eventually(t, func() error {
			if text := r.get(t, r.ready.Admin+"/metrics").body; !strings.Contains(text, "\n"+want+"\n") {
				return fmt.Errorf("the metrics do not say %s", want)
			}
			return nil
		})
	}
}

func TestEchoLimits(t *testing.T) {
	t.Parallel()
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		r := start(t, "--echo-room", "")
		c := dialEcho(t, r)
		if joined, err := c.Join(t.Context(), "echo"); err != nil || joined.Room != "echo" {
			t.Fatal(joined, err)
		}
		if rooms := r.rooms(t); len(rooms) != 1 || rooms[0].Name != "echo" {
			t.Errorf("the rooms are %+v, want an ordinary one", rooms)
		}
	})
	t.Run("needs a token", func(t *testing.T) {
		t.Parallel()
		const secret = "0123456789abcdef0123456789abcdef"
		r := start(t, "--join-secret", secret, "--relay-ip", "127.0.0.1")
		_, err := dialEcho(t, r).Join(t.Context(), "echo")
		if fault, ok := errors.AsType[protocol.Error](err); !ok || fault.Code != protocol.CodeUnauthorized {
			t.Errorf("without a token: %v", err)
		}
		token, err := signJoinToken([]byte(secret), "echo", "", time.Now().Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		cfg := echoCallOf(t, r, "echo")
		cfg.Token = token
		joinEcho(t, cfg)
	})
}

// Ten clients with addresses of their own can make test calls at once.
func TestEchoHasTenPlaces(t *testing.T) {
	t.Parallel()
	r := start(t, "--trusted-proxy", "127.0.0.1", "--relay-ip", "127.0.0.1")
	join := func(address string) frame {
		return dialSocket(t, r.ready.HTTP, http.Header{"X-Forwarded-For": {address}}).ask(t, `{"type":"join","id":1,"room":"echo"}`)
	}
	for i := range echoCalls {
		if reply := join(fmt.Sprintf("198.51.100.%d", i)); reply.Type != "joined" {
			t.Errorf("test call %d: %+v", i, reply)
		}
	}
	if reply := join("198.51.100.99"); reply.Message != errEchoBusy.Error() {
		t.Errorf("test call %d: %+v, want that there are too many", echoCalls+1, reply)
	}
}

// evilSignaler also signals candidates that are the addresses of others.
type evilSignaler struct {
	*client.Client
	room       string
	candidates []string
	told       atomic.Bool
}

func (s *evilSignaler) Join(ctx context.Context) (peer.Seat, error) {
	joined, err := s.Client.Join(ctx, s.room)
	return peer.Seat{Joined: joined}, err
}

func (s *evilSignaler) Send(_ context.Context, to string, data protocol.CallData) error {
	if data.Description != nil {
		var lines strings.Builder
		for line := range strings.Lines(data.Description.SDP) {
			lines.WriteString(line)
			if strings.HasPrefix(line, "a=mid:") {
				lines.WriteString("a=" + strings.Join(s.candidates, "\r\na=") + "\r\n")
			}
		}
		data.Description.SDP = lines.String()
	}
	if data.Candidate != nil && !s.told.Swap(true) {
		for _, line := range s.candidates {
			more := *data.Candidate
			more.Candidate = line
			if _, err := s.Post(to, protocol.CallData{Call: data.Call, Candidate: &more}); err != nil {
				return err
			}
		}
	}
	_, err := s.Post(to, data)
	return err
}

// TestEchoSendsNothingElsewhere names addresses of others to the echo bot. It sends them nothing, even where the
// operator allows relays to reach them; an ordinary bot does.
func TestEchoSendsNothingElsewhere(t *testing.T) {
	t.Parallel()
	own, other := listenPackets(t, "127.0.0.1:0"), listenPackets(t, "127.0.0.2:0")
	r := start(t, "--relay-ip", "127.0.0.1", "--turn-allow-peer", "127.0.0.2")
	call := func(room string) *peer.Report {
		cfg := echoCallOf(t, r, room)
		evil := &evilSignaler{Client: dialEcho(t, r), room: room}
		for i, address := range []net.Addr{
			own.LocalAddr(), other.LocalAddr(),
			&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 53}, &net.UDPAddr{IP: net.IPv4(169, 254, 169, 254), Port: 80},
			&net.UDPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 443}, nil,
		} {
			host, port := "0d3e1b5e-9a4e-4b52-9c2f-0123456789ab.local", "9"
			if address != nil {
				host, port, _ = net.SplitHostPort(address.String())
			}
			evil.candidates = append(evil.candidates, fmt.Sprintf("candidate:%d 1 udp 2130706431 %s %s typ host", 90+i, host, port))
		}
		cfg.Signaler = evil
		made := joinEcho(t, cfg)
		made.Hangup()
		return made.Wait()
	}
	if report := call("echo"); report.Path.Remote.Type != "relay" {
		t.Errorf("the path is %+v", report.Path)
	}
	for _, conn := range []*packetCounter{own, other} {
		if n := conn.packets.Load(); n > 0 {
			t.Errorf("%s got %d packets", conn.LocalAddr(), n)
		}
	}
	for line := range strings.Lines(r.stderr.String()) {
		// The relay itself refuses the port of loopback at which there is no relay.
		if strings.Contains(line, "refuses a peer") && strings.Contains(line, "user=echo") && !strings.Contains(line, `rule="loopback`) {
			t.Errorf("the echo bot tried to reach somebody else: %s", line)
		}
	}

	bot, err := peer.Join(t.Context(), peer.Config{Server: r.ready.HTTP, Room: "other", ICE: peer.Relay, Echo: true, Duration: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer bot.Close()
	call("other")
	if other.packets.Load() == 0 {
		t.Error("an ordinary bot did not try the candidate either, so this test shows nothing")
	}
}
