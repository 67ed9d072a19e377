package turn_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"callbox/turnserver"
)

// TestPion relays with the client of pion/turn v5, which the headless peer's ICE agent
// uses. The server uses v4.
func TestPion(t *testing.T) {
	for _, protocol := range []turnserver.Protocol{turnserver.UDP, turnserver.TCP, turnserver.TLS} {
		for _, family := range []turn.RequestedAddressFamily{turn.RequestedAddressFamilyIPv4, turn.RequestedAddressFamilyIPv6} {
			t.Run(string(protocol)+" "+family.String(), func(t *testing.T) {
				s := start(t, nil)
				peer := newOpen(t, "127.0.0.1")
				if family == turn.RequestedAddressFamilyIPv6 {
					if !s.udp6.IsValid() {
						t.Skip("no IPv6 on loopback")
					}
					peer = newOpen(t, "::1")
				}
				client := s.pion(t, protocol, family)
				relay, err := client.Allocate()
				if err != nil {
					t.Fatal(err)
				}
				peer.peer = addrPort(relay.LocalAddr())
				pionExchanges(t, relay, peer)
				if err := relay.Close(); err != nil {
					t.Error(err)
				}
				eventually(t, "the allocation is gone", func() bool { return s.Snapshot().Active == 0 })
				client.Close()
				s.end(t)
			})
		}
	}
}

// pionExchanges sends payloads in both directions: in indications at first, and then in
// the channel that the client binds.
func pionExchanges(t *testing.T, relay net.PacketConn, peer *open) {
	t.Helper()
	buffer := make([]byte, 1<<16)
	for i := range 60 {
		payload := numbered(uint32(i), 5+i*24)
		if _, err := relay.WriteTo(payload, net.UDPAddrFromAddrPort(peer.addr())); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(peer.until(time.Now().Add(patience)), relay.SetReadDeadline(time.Now().Add(patience))); err != nil {
			t.Fatal(err)
		}
		if got, err := peer.next(); err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("payload %d at the peer: %d bytes, %v", i, len(got), err)
		}
		peer.transmit(t, payload)
		n, from, err := relay.ReadFrom(buffer)
		if err != nil || !bytes.Equal(buffer[:n], payload) || addrPort(from) != peer.addr() {
			t.Fatalf("payload %d at the client: %d bytes from %v, %v", i, n, from, err)
		}
	}
}

func (s *server) pion(t *testing.T, protocol turnserver.Protocol, family turn.RequestedAddressFamily) *turn.Client {
	t.Helper()
	at := s.udp
	var conn net.PacketConn
	switch protocol {
	case turnserver.UDP:
		conn = listenUDP(t, "127.0.0.1:0")
	case turnserver.TCP, turnserver.TLS:
		var stream net.Conn
		var err error
		if at = s.tcp; protocol == turnserver.TLS {
			at = s.tls
			stream, err = tls.Dial("tcp", at.String(), &tls.Config{RootCAs: s.roots})
		} else {
			stream, err = net.Dial("tcp", at.String())
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stream.Close() })
		conn = turn.NewSTUNConn(stream)
	}
	username, password := s.Credential("ann", time.Minute)
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: at.String(), TURNServerAddr: at.String(), Conn: conn, Username: username, Password: password,
		Realm: turnserver.DefaultRealm, RequestedAddressFamily: family,
		LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled},
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
