package turnserver_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v4"

	"callbox/turnserver"
)

// patience bounds every wait for something that should come at once.
const patience = 20 * time.Second

// opener is a payload that may be lost.
const opener = "opens a permission"

func testSecret() []byte { return []byte("a secret that only tests know of") }

// setup is a server on loopback with a listener for each protocol.
type setup struct {
	server *turnserver.Server
	udp    net.PacketConn
	tcp    net.Listener
	tls    net.Listener
	roots  *x509.CertPool
}

func start(t *testing.T, change func(*turnserver.Config)) *setup {
	t.Helper()
	s := &setup{udp: listenUDP(t, "127.0.0.1:0"), tcp: listenTCP(t)}
	certificate, roots := certificate(t)
	s.roots = roots
	s.tls = tls.NewListener(listenTCP(t), &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	config := turnserver.Config{
		Secrets:     [][]byte{testSecret()},
		PacketConns: []net.PacketConn{s.udp},
		Listeners:   []turnserver.Listener{{Listener: s.tcp, Protocol: turnserver.TCP}, {Listener: s.tls, Protocol: turnserver.TLS}},
		RelayIPs:    []netip.Addr{netip.MustParseAddr("127.0.0.1")},
	}
	if change != nil {
		change(&config)
	}
	var err error
	if s.server, err = turnserver.New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s.server) })
	return s
}

func closeServer(tb testing.TB, s *turnserver.Server) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		tb.Error(err)
	}
}

func allowLoopback(c *turnserver.Config) {
	c.AllowPeers = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

func listenUDP(t *testing.T, address string) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// dial opens a socket to the server, as the net.PacketConn that pion's client needs.
func (s *setup) dial(t *testing.T, protocol turnserver.Protocol) (conn net.PacketConn, server string) {
	t.Helper()
	var stream net.Conn
	var err error
	switch protocol {
	case turnserver.TCP:
		server = s.tcp.Addr().String()
		stream, err = net.Dial("tcp", server)
	case turnserver.TLS:
		server = s.tls.Addr().String()
		stream, err = tls.Dial("tcp", server, &tls.Config{RootCAs: s.roots})
	default:
		return listenUDP(t, "127.0.0.1:0"), s.udp.LocalAddr().String()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stream.Close() })
	return turn.NewSTUNConn(stream), server
}

func quiet() logging.LoggerFactory {
	return &logging.DefaultLoggerFactory{Writer: bytes.NewBuffer(nil), DefaultLogLevel: logging.LogLevelDisabled}
}

func (s *setup) clientAs(t *testing.T, protocol turnserver.Protocol, username, password string) *turn.Client {
	t.Helper()
	conn, server := s.dial(t, protocol)
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: server, TURNServerAddr: server, Conn: conn,
		Username: username, Password: password, Realm: turnserver.DefaultRealm, LoggerFactory: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	return client
}

func (s *setup) client(t *testing.T, protocol turnserver.Protocol, peer string) *turn.Client {
	t.Helper()
	username, password := s.server.Credential(peer, time.Minute)
	return s.clientAs(t, protocol, username, password)
}

func allocate(t *testing.T, client *turn.Client) net.PacketConn {
	t.Helper()
	relay, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relay.Close() })
	return relay
}

// exchange sends a payload from one socket to the address of the other, and expects it there byte for
// byte.
func exchange(t *testing.T, from, to net.PacketConn, payload []byte) {
	t.Helper()
	if _, err := from.WriteTo(payload, to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	want(t, to, payload, from.LocalAddr())
}

func want(t *testing.T, on net.PacketConn, payload []byte, from net.Addr) {
	t.Helper()
	buffer := make([]byte, 2048)
	if err := on.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, addr, err := on.ReadFrom(buffer)
	for err == nil && string(buffer[:n]) == opener {
		n, addr, err = on.ReadFrom(buffer)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(buffer[:n], payload) || addr.String() != from.String() {
		t.Fatalf("got %d bytes from %s, want %d from %s", n, addr, len(payload), from)
	}
}

// needIPv6 skips a test that cannot run without IPv6.
func needIPv6(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp6", "[::1]:0")
	switch {
	case err == nil:
		conn.Close()
	case os.Getenv("CI") == "true":
		t.Fatalf("no IPv6 on loopback: %v", err)
	default:
		t.Skipf("no IPv6 on loopback: %v", err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

func protocols() []turnserver.Protocol {
	return []turnserver.Protocol{turnserver.UDP, turnserver.TCP, turnserver.TLS}
}

func TestRelayBothWays(t *testing.T) {
	for _, protocol := range protocols() {
		t.Run(string(protocol), func(t *testing.T) {
			s := start(t, allowLoopback)
			relay := allocate(t, s.client(t, protocol, "ann"))
			peer := listenUDP(t, "127.0.0.1:0")
			sent, received := 0, 0
			for i := range 40 { // indications at first, then a channel; pion's client stalls on fewer than 5 bytes
				payload := bytes.Repeat([]byte{byte(i)}, 5+i*31)
				exchange(t, relay, peer, payload)
				exchange(t, peer, relay, payload)
				sent += len(payload)
				received += len(payload)
			}
			// A datagram is counted when it is sent, which may be after it has arrived.
			eventually(t, "all is counted", func() bool { return s.server.Snapshot().ToPeers.Packets == 40 })
			live := s.server.Allocations()
			if len(live) != 1 {
				t.Fatalf("%d allocations, want 1", len(live))
			}
			a := live[0]
			traffic := turnserver.Traffic{Packets: 40, Bytes: uint64(sent)}
			if a.User != "ann" || a.Protocol != protocol || a.Relayed.String() != relay.LocalAddr().String() || a.ToPeers != traffic || a.FromPeers != traffic {
				t.Errorf("allocation %+v, want %v both ways", a, traffic)
			}
			if err := relay.Close(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the allocation ends", func() bool { return s.server.Snapshot().Active == 0 })
			total := s.server.Snapshot()
			if total.Created != 1 || total.Ended != 1 || total.ToPeers != traffic || total.FromPeers != traffic {
				t.Errorf("snapshot %+v", total)
			}
		})
	}
}

func TestRelayToRelay(t *testing.T) {
	for _, protocol := range protocols() {
		t.Run(fmt.Sprintf("udp and %s", protocol), func(t *testing.T) {
			s := start(t, nil) // loopback is denied, live relays are not
			a := allocate(t, s.client(t, turnserver.UDP, "ann"))
			b := allocate(t, s.client(t, protocol, "bo"))
			// Each side's permission is made by its first packet.
			if _, err := b.WriteTo([]byte(opener), a.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				exchange(t, a, b, bytes.Repeat([]byte{byte(i)}, 1000))
				exchange(t, b, a, bytes.Repeat([]byte{byte(i)}, 1000))
			}
		})
	}
}

func TestBindingRequest(t *testing.T) {
	s := start(t, nil)
	for _, protocol := range protocols() {
		conn, server := s.dial(t, protocol)
		client, err := turn.NewClient(&turn.ClientConfig{STUNServerAddr: server, Conn: conn, LoggerFactory: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		if err := client.Listen(); err != nil {
			t.Fatal(err)
		}
		mapped, err := client.SendBindingRequest()
		if err != nil {
			t.Fatal(err)
		}
		if mapped.String() != conn.LocalAddr().String() {
			t.Errorf("%s: mapped %s, want %s", protocol, mapped, conn.LocalAddr())
		}
	}
}
