package peer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/signaling"
	"callbox/signaling/protocol"
	"callbox/turnserver"
)

// patience is how long tests wait for something that should happen at once.
const patience = 30 * time.Second

// server is a signaling server on loopback, optionally with a TURN server.
type server struct {
	url   string
	turn  *turnserver.Server // nil: none
	roots *x509.CertPool     // of TURN over TLS

	signaling *signaling.Server
	http      *httptest.Server
	config    signaling.Config
	reports   chan string

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// serve starts a signaling server that offers the given ICE servers. It holds
// no seats, so that a lost peer is gone at once; see serveHeld.
func serve(tb testing.TB, ice func(peer string) []protocol.ICEServer) *server {
	tb.Helper()
	return serveHeld(tb, 0, ice)
}

// serveHeld is serve with seats that outlive their connections.
func serveHeld(tb testing.TB, grace time.Duration, ice func(peer string) []protocol.ICEServer) *server {
	tb.Helper()
	s := &server{reports: make(chan string, 16)}
	limits := signaling.DefaultLimits()
	limits.JoinsPerSecond, limits.Connections = 0, 0
	s.config = signaling.Config{
		Capacity: 2, Ping: signaling.DefaultPing, Grace: grace, Limits: limits,
		SessionSecrets: [][]byte{[]byte("the secret of every incarnation of the server")},
		Report: func(_, event string, data json.RawMessage) {
			select {
			case s.reports <- event + " " + string(data):
			default:
			}
		},
		ICEServers: func(peer string, _ netip.Addr) ([]protocol.ICEServer, time.Duration) {
			if ice == nil {
				return nil, 0
			}
			return ice(peer), time.Minute
		},
	}
	s.start(tb, listen(tb))
	s.url = s.http.URL
	tb.Cleanup(s.close)
	return s
}

// start starts the server, for the first time or again.
func (s *server) start(tb testing.TB, l net.Listener) {
	tb.Helper()
	server, err := signaling.New(s.config)
	if err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", server.WebSocketHandler())
	mux.Handle("/api/", server.APIHandler())
	s.mu.Lock()
	s.conns = make(map[net.Conn]struct{})
	s.mu.Unlock()
	web := httptest.NewUnstartedServer(mux)
	_ = web.Listener.Close()
	web.Listener = &keptListener{Listener: l, server: s}
	web.Start()
	s.signaling, s.http = server, web
}

// kill stops the server as SIGKILL does: clients are not notified.
func (s *server) kill(tb testing.TB) {
	tb.Helper()
	_ = s.http.Listener.Close()
	s.cut()
	s.close()
}

// cut breaks all connections without notice. The server, which owns them, closes them.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
			_ = tcp.CloseRead()
		}
	}
	clear(s.conns)
}

// restart starts a new server at the address of the killed one.
func (s *server) restart(tb testing.TB) {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp4", s.http.Listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	s.start(tb, l)
}

// keptListener keeps its connections, so that kill can close them.
type keptListener struct {
	net.Listener
	server *server
}

func (l *keptListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.server.mu.Lock()
		l.server.conns[conn] = struct{}{}
		l.server.mu.Unlock()
	}
	return conn, err
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

// bot returns a configuration that sends pattern and tone.
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
