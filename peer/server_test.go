package peer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/signaling"
	"callbox/signaling/protocol"
	"callbox/turnserver"
)

// patience bounds every wait for something that should come at once.
const patience = 30 * time.Second

// server is a signaling server on loopback, with a TURN server when asked for.
type server struct {
	url   string
	turn  *turnserver.Server // nil: none
	roots *x509.CertPool     // of TURN over TLS

	signaling *signaling.Server
	http      *httptest.Server
}

// serve starts a signaling server that offers the given ICE servers.
func serve(tb testing.TB, ice func(peer string) []protocol.ICEServer) *server {
	tb.Helper()
	s := &server{}
	limits := signaling.DefaultLimits()
	limits.JoinsPerSecond, limits.Connections = 0, 0
	var err error
	s.signaling, err = signaling.New(signaling.Config{
		Capacity: 2, Ping: signaling.DefaultPing, Limits: limits,
		ICEServers: func(peer string, _ netip.Addr) ([]protocol.ICEServer, time.Duration) {
			if ice == nil {
				return nil, 0
			}
			return ice(peer), time.Minute
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", s.signaling.WebSocketHandler())
	s.http = httptest.NewServer(mux)
	s.url = s.http.URL
	tb.Cleanup(s.close)
	return s
}

func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = s.signaling.Close(ctx)
	s.http.Close()
}

// serveWithTURN starts signaling and a TURN server with a listener of each protocol.
func serveWithTURN(tb testing.TB) *server {
	tb.Helper()
	udp, err := (&net.ListenConfig{}).ListenPacket(tb.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	certificate, roots := selfSigned(tb)
	tcp, secure := listen(tb), listen(tb)
	turn, err := turnserver.New(turnserver.Config{
		Secrets:     [][]byte{[]byte("a secret that only tests know of")},
		PacketConns: []net.PacketConn{udp},
		Listeners: []turnserver.Listener{
			{Listener: tcp, Protocol: turnserver.TCP},
			{Listener: tls.NewListener(secure, &tls.Config{Certificates: []tls.Certificate{certificate}}), Protocol: turnserver.TLS},
		},
		RelayIPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = turn.Close(ctx)
	})
	s := serve(tb, func(id string) []protocol.ICEServer {
		username, password := turn.Credential(id, time.Minute)
		return []protocol.ICEServer{
			{URLs: []string{"stun:" + udp.LocalAddr().String()}},
			{Username: username, Credential: password, URLs: []string{
				"turn:" + udp.LocalAddr().String() + "?transport=udp",
				"turn:" + tcp.Addr().String() + "?transport=tcp",
				"turns:" + secure.Addr().String() + "?transport=tcp",
			}},
		}
	})
	s.turn, s.roots = turn, roots
	return s
}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func selfSigned(tb testing.TB) (tls.Certificate, *x509.CertPool) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}

// bot is a configuration that sends pattern and tone.
func (s *server) bot(tb testing.TB, name string) peer.Config {
	tb.Helper()
	video, err := peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := peer.Config{
		Server: s.url, Room: "room", Name: name, Video: video, Audio: peer.Tone(),
		Duration: -1, ConnectTimeout: patience,
	}
	if s.roots != nil {
		cfg.TLS = &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}
	}
	return cfg
}
