package turn_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"callbox/turnserver"
)

// patience is how long tests wait for what should happen at once.
const patience = 30 * time.Second

const secret = "a secret that only tests know of"

// server is a TURN server in the test process, on loopback.
type server struct {
	*turnserver.Server
	udp, udp6, tcp, tls netip.AddrPort
	certificate         []byte // self-signed, DER
	roots               *x509.CertPool
}

// start starts a server that relays to loopback, over IPv4 and, if there is IPv6, over
// both. It is closed when the test ends.
func start(t *testing.T, change func(*turnserver.Config)) *server {
	t.Helper()
	s := &server{}
	udp, tcp, secure := listenUDP(t, "127.0.0.1:0"), listenTCP(t), listenTCP(t)
	certificate, roots := certificate(t)
	s.certificate, s.roots = certificate.Certificate[0], roots
	s.udp, s.tcp, s.tls = addrPort(udp.LocalAddr()), addrPort(tcp.Addr()), addrPort(secure.Addr())
	config := turnserver.Config{
		Secrets:     [][]byte{[]byte(secret)},
		PacketConns: []net.PacketConn{udp},
		Listeners: []turnserver.Listener{
			{Listener: tcp, Protocol: turnserver.TCP},
			{Listener: tls.NewListener(secure, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}), Protocol: turnserver.TLS},
		},
		RelayIPs:   []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		AllowPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	if hasIPv6(t) {
		udp6 := listenUDP(t, "[::1]:0")
		s.udp6 = addrPort(udp6.LocalAddr())
		config.PacketConns = append(config.PacketConns, udp6)
		config.RelayIPs = append(config.RelayIPs, netip.IPv6Loopback())
		config.AllowPeers = append(config.AllowPeers, netip.MustParsePrefix("::1/128"))
	}
	if change != nil {
		change(&config)
	}
	var err error
	if s.Server, err = turnserver.New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end(t) })
	return s
}

// end closes the server, which must free everything.
func (s *server) end(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if got := s.Snapshot(); got.Active != 0 || got.Created != got.Ended || got.Connections != 0 {
		t.Errorf("left after Close: %+v", got)
	}
}

// hasIPv6 reports whether loopback has IPv6. With CI=true it fails the test if not.
func hasIPv6(t *testing.T) bool {
	t.Helper()
	conn, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no IPv6 on loopback: %v", err)
		}
		return false
	}
	conn.Close()
	return true
}

func listenUDP(t *testing.T, address string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.UDPConn)
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

func addrPort(addr net.Addr) netip.AddrPort {
	switch a := addr.(type) {
	case *net.UDPAddr:
		return netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
	case *net.TCPAddr:
		return netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
	default:
		return netip.AddrPort{}
	}
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
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

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// tail returns the end of a long text.
func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}
