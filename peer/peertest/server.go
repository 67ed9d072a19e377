package peertest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"callbox/peer"
	"callbox/signaling"
	"callbox/signaling/protocol"
	"callbox/turnserver"
)

// Site is a signaling server, usually with a TURN server, and the networks from which its
// peers reach them.
type Site struct {
	URL string // of the signaling server, on loopback

	turn    *turnserver.Server // nil: none
	address string             // of STUN and TURN; "" = none
	change  func(ann, bo *peer.Config)
}

// Server starts a signaling server, and STUN and TURN over UDP, all on loopback. Everything
// is stopped when the test ends.
func Server(t TB) *Site {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("UDP on loopback: %v", err)
	}
	s := &Site{change: func(_, _ *peer.Config) {}}
	s.startTURN(t, turnserver.Config{
		PacketConns: []net.PacketConn{conn}, RelayIPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
	})
	s.startSignaling(t)
	return s
}

// Configs returns the configurations of two peers that send the test picture and a tone,
// and stay in the call until they are hung up. They are for one call.
func (s *Site) Configs(t TB) (ann, bo peer.Config) {
	t.Helper()
	ann, bo = s.config(t, "Ann"), s.config(t, "Bo")
	s.change(&ann, &bo)
	return ann, bo
}

// startTURN starts a TURN server on the first of cfg.PacketConns.
func (s *Site) startTURN(t TB, cfg turnserver.Config) {
	t.Helper()
	cfg.Secrets = [][]byte{[]byte("a secret that only tests know of")}
	turn, err := turnserver.New(cfg)
	if err != nil {
		t.Fatalf("the TURN server: %v", err)
	}
	s.turn, s.address = turn, cfg.PacketConns[0].LocalAddr().String()
	t.Cleanup(func() { stop(t, "TURN server", turn.Close) })
}

// startSignaling starts the signaling server. It is on loopback even when the peers are in
// a virtual network.
func (s *Site) startSignaling(t TB) {
	t.Helper()
	limits := signaling.DefaultLimits()
	limits.JoinsPerSecond, limits.Connections = 0, 0 // all peers have one address
	server, err := signaling.New(signaling.Config{
		Capacity: 2, Ping: signaling.DefaultPing, Limits: limits, ICEServers: s.iceServers,
		SessionSecrets: [][]byte{[]byte("a secret that only tests know of")},
	})
	if err != nil {
		t.Fatalf("the signaling server: %v", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", server.WebSocketHandler())
	mux.Handle("/api/", server.APIHandler())
	web := httptest.NewServer(mux)
	s.URL = web.URL
	t.Cleanup(func() {
		stop(t, "signaling server", server.Close)
		web.Close()
	})
}

// iceServers returns the servers for a peer.
func (s *Site) iceServers(id string, _ netip.Addr) ([]protocol.ICEServer, time.Duration) {
	if s.address == "" {
		return nil, 0
	}
	servers := []protocol.ICEServer{{URLs: []string{"stun:" + s.address}}}
	if s.turn != nil {
		username, password := s.turn.Credential(id, time.Minute)
		servers = append(servers, protocol.ICEServer{
			URLs: []string{"turn:" + s.address + "?transport=udp"}, Username: username, Credential: password,
		})
	}
	return servers, time.Minute
}

// stop closes a server at the end of the test, whose context has ended by then.
func stop(t TB, name string, shutdown func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := shutdown(ctx); err != nil {
		t.Errorf("closing the %s: %v", name, err)
	}
}
