package turn_test

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"callbox/e2e/need"
	"callbox/turnserver"
)

// run runs a program of another project and returns its output.
func run(t *testing.T, limit time.Duration, name string, args ...string) (output string, code int) {
	t.Helper()
	need.Program(t, name)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var out bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %s did not end within %v:\n%s", name, strings.Join(args, " "), limit, tail(out.String()))
	}
	if command.ProcessState == nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out.String(), command.ProcessState.ExitCode()
}

// echo sends everything back that arrives at a port and the next one, as if for RTP and
// RTCP. It returns the first port, which is even.
func echo(t *testing.T, ip string) uint16 {
	t.Helper()
	for range 100 {
		first := listenUDP(t, net.JoinHostPort(ip, "0"))
		port := addrPort(first.LocalAddr()).Port()
		second, err := net.ListenPacket("udp", net.JoinHostPort(ip, strconv.Itoa(int(port)+1)))
		if port%2 == 1 || err != nil {
			_ = first.Close()
			if err == nil {
				_ = second.Close()
			}
			continue
		}
		t.Cleanup(func() { second.Close() })
		go echoAll(first)
		go echoAll(second.(*net.UDPConn))
		return port
	}
	t.Fatal("no two consecutive ports are free")
	return 0
}

func echoAll(conn *net.UDPConn) {
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		_, _ = conn.WriteToUDPAddrPort(buffer[:n], from)
	}
}

// uclient is a run of turnutils_uclient. All that it sends must come back.
type uclient struct {
	name   string
	args   []string
	server func(*server) netip.AddrPort // the address to use
	peer   string                       // the address of echo; "" = the clients are each other's peers
	length int                          // of a payload; 0 = 200
}

var totals = regexp.MustCompile(`start_mclient: tot_send_msgs=(\d+), tot_recv_msgs=(\d+)`)

func overUDP(s *server) netip.AddrPort  { return s.udp }
func overUDP6(s *server) netip.AddrPort { return s.udp6 }
func overTCP(s *server) netip.AddrPort  { return s.tcp }
func overTLS(s *server) netip.AddrPort  { return s.tls }

// unlimited removes the limits that the clients of one test would reach, because they
// share one user and one address.
func unlimited(config *turnserver.Config) {
	config.Limits.UserAllocations, config.Limits.AddressAllocations, config.Limits.Unauthenticated = -1, -1, -1
}

// TestUclient relays in all the paths that coturn's client can. The client counts what
// comes back, which must be everything.
func TestUclient(t *testing.T) {
	const v4, v6 = "127.0.0.1", "::1"
	for _, c := range []uclient{
		{name: "channel", args: []string{"-c"}, server: overUDP, peer: v4},
		{name: "indications", args: []string{"-c", "-s"}, server: overUDP, peer: v4},
		{name: "channel over TCP", args: []string{"-c", "-t"}, server: overTCP, peer: v4},
		{name: "indications over TCP", args: []string{"-c", "-s", "-t"}, server: overTCP, peer: v4},
		{name: "channel over TLS", args: []string{"-c", "-t", "-S"}, server: overTLS, peer: v4},
		{name: "indications over TLS", args: []string{"-c", "-s", "-t", "-S"}, server: overTLS, peer: v4},
		{name: "padding", args: []string{"-c", "-D"}, server: overUDP, peer: v4, length: 201},
		{name: "padding over TCP", args: []string{"-c", "-t", "-D"}, server: overTCP, peer: v4, length: 203},
		{name: "extra requests", args: []string{"-c", "-G"}, server: overUDP, peer: v4},
		{name: "relay to relay", args: []string{"-c", "-y"}, server: overUDP},
		{name: "relay to relay by indications", args: []string{"-c", "-y", "-s"}, server: overUDP},
		{name: "relay to relay over TCP", args: []string{"-c", "-y", "-t"}, server: overTCP},
		{name: "relay to relay over TLS", args: []string{"-c", "-y", "-t", "-S"}, server: overTLS},
		{name: "RTP pairs", server: overUDP, peer: v4},
		{name: "RTP pairs by indications", args: []string{"-s"}, server: overUDP, peer: v4},
		{name: "RTP pairs over TCP", args: []string{"-t"}, server: overTCP, peer: v4},
		{name: "RTP pairs relay to relay", args: []string{"-y"}, server: overUDP},
		{name: "IPv6 relay", args: []string{"-c", "-x"}, server: overUDP, peer: v6},
		{name: "IPv4 relay by name", args: []string{"-c", "-X"}, server: overUDP, peer: v4},
		{name: "IPv6 client and relay", args: []string{"-c", "-x"}, server: overUDP6, peer: v6},
		{name: "IPv6 client and IPv4 relay", args: []string{"-c"}, server: overUDP6, peer: v4},
		{name: "do not fragment", args: []string{"-c", "-g"}, server: overUDP, peer: v4},
		{name: "do not fragment by indications", args: []string{"-c", "-g", "-s"}, server: overUDP, peer: v4},
		{name: "large", args: []string{"-c"}, server: overUDP, peer: v4, length: 1400},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

func (c *uclient) run(t *testing.T) {
	t.Helper()
	s := start(t, unlimited)
	length := cmp.Or(c.length, 200)
	args := append([]string{"-n", "20", "-m", "2", "-z", "5", "-l", strconv.Itoa(length)}, c.args...)
	output, code := s.uclient(t, c.server(s), c.peer, args...)
	sent, received, ok := counted(output)
	if code != 0 || !ok || sent == 0 || received != sent || !strings.Contains(output, "Total lost packets 0 (0.000000%)") {
		t.Fatalf("exit code %d, %d sent, %d received:\n%s", code, sent, received, tail(output))
	}
	traffic := turnserver.Traffic{Packets: sent, Bytes: sent * uint64(length)}
	eventually(t, "the counters are those of the client", func() bool {
		got := s.Snapshot()
		return got.ToPeers == traffic && got.FromPeers == traffic
	})
	s.end(t)
}

// counted returns what the client says it has sent and received.
func counted(output string) (sent, received uint64, ok bool) {
	all := totals.FindAllStringSubmatch(output, -1)
	if len(all) == 0 {
		return 0, 0, false
	}
	last := all[len(all)-1]
	sent, err := strconv.ParseUint(last[1], 10, 64)
	if err != nil {
		return 0, 0, false
	}
	received, err = strconv.ParseUint(last[2], 10, 64)
	return sent, received, err == nil
}

// uclient runs the client, with echo at the address peer as its peer, if that is not "".
func (s *server) uclient(t *testing.T, at netip.AddrPort, peer string, args ...string) (output string, code int) {
	t.Helper()
	if !at.IsValid() || peer == "::1" && !hasIPv6(t) {
		need.Missing(t, "IPv6 on loopback")
	}
	all := append([]string{"-p", strconv.Itoa(int(at.Port())), "-u", "ann", "-W", secret}, args...)
	if peer != "" {
		all = append(all, "-e", peer, "-r", strconv.Itoa(int(echo(t, peer))))
	}
	return run(t, time.Minute, "turnutils_uclient", append(all, at.Addr().String())...)
}

// TestUclientPairs checks the relayed ports of RTP pairs: an even port and the next one.
func TestUclientPairs(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited)
	output, code := s.uclient(t, s.udp, "127.0.0.1", "-v", "-n", "2", "-m", "2", "-l", "100")
	var ports []int
	for _, found := range relayPorts.FindAllStringSubmatch(output, -1) {
		port, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	pairs := 0
	for i := range ports[:max(len(ports)-1, 0)] {
		if ports[i]%2 == 0 && ports[i+1] == ports[i]+1 {
			pairs++
		}
	}
	if code != 0 || pairs == 0 {
		t.Errorf("exit code %d, no pair in the relayed ports %v:\n%s", code, ports, tail(output))
	}
	s.end(t)
}

var relayPorts = regexp.MustCompile(`Received relay addr: 127\.0\.0\.1:(\d+)`)

func TestStunclient(t *testing.T) {
	s := start(t, nil)
	for _, at := range []netip.AddrPort{s.udp, s.udp6} {
		if !at.IsValid() {
			continue
		}
		output, code := run(t, patience, "turnutils_stunclient", "-p", strconv.Itoa(int(at.Port())), at.Addr().String())
		mapped := "UDP reflexive addr: " + at.Addr().String() + ":"
		if code != 0 || !strings.Contains(output, mapped) {
			t.Errorf("exit code %d:\n%s", code, tail(output))
		}
	}
}

// TestUclientHostile checks that invalid messages do not disturb a call on the same
// server.
func TestUclientHostile(t *testing.T) {
	s := start(t, unlimited)
	var hostile sync.WaitGroup
	for _, c := range []uclient{
		{name: "channels", args: []string{"-N"}, server: overUDP},
		{name: "channels over TCP", args: []string{"-N", "-t"}, server: overTCP},
		{name: "messages", args: []string{"-R"}, server: overUDP},
		{name: "messages over TCP", args: []string{"-R", "-t"}, server: overTCP},
		{name: "messages over TLS", args: []string{"-R", "-t", "-S"}, server: overTLS},
		{name: "both", args: []string{"-N", "-R", "-s"}, server: overUDP},
		{name: "leaving", args: []string{"-O"}, server: overUDP},
		{name: "leaving over TCP", args: []string{"-O", "-t"}, server: overTCP},
		{name: "disconnecting", args: []string{"-B"}, server: overUDP},
	} {
		hostile.Go(func() { c.disturb(t, s) })
	}
	output, code := s.uclient(t, s.udp, "127.0.0.1", "-c", "-n", "300", "-m", "4", "-z", "20")
	sent, received, ok := counted(output)
	if code != 0 || !ok || sent != 1200 || received != sent {
		t.Errorf("the call: exit code %d, %d sent, %d received:\n%s", code, sent, received, tail(output))
	}
	hostile.Wait()
	s.end(t)
}

// disturb runs a client that sends invalid messages, again and again. It may fail, or
// run until it is killed, but it must get no errors other than 4xx.
func (c *uclient) disturb(t *testing.T, s *server) {
	t.Helper()
	const duration = 8 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	at := c.server(s)
	args := append([]string{"-p", strconv.Itoa(int(at.Port())), "-u", "mallory", "-W", secret, "-c", "-n", "10", "-m", "2", "-e", "127.0.0.1", "-r", "9"}, c.args...)
	for ctx.Err() == nil {
		out, _ := exec.CommandContext(ctx, "turnutils_uclient", append(args, at.Addr().String())...).CombinedOutput()
		for _, code := range errorCodes.FindAllStringSubmatch(string(out), -1) {
			if !strings.HasPrefix(code[1], "4") {
				t.Errorf("%s: error %s:\n%s", c.name, code[1], tail(string(out)))
			}
		}
	}
}

var errorCodes = regexp.MustCompile(`error (\d{3}) `)
