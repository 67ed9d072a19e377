package turnserver

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"callbox/turnserver/datapath"
	"callbox/turnserver/limit"
	"callbox/turnserver/wire"
)

// sentPackets is a socket that records what is sent.
type sentPackets struct {
	clientConn
	packets [][]byte
}

func (s *sentPackets) LocalAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3478}
}

func (s *sentPackets) WriteTo(p []byte, _ netip.AddrPort, _ netip.Addr) error {
	s.packets = append(s.packets, slices.Clone(p))
	return nil
}

// guardedEndpoint returns an endpoint with a guard but without pion.
func guardedEndpoint(tb testing.TB, conn clientConn) *endpoint {
	tb.Helper()
	config := Config{Secrets: [][]byte{make([]byte, MinSecretBytes)}, PacketConns: make([]net.PacketConn, 1), RelayIPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
	if err := config.normalize(); err != nil {
		tb.Fatal(err)
	}
	addresses, err := newRelayAddresses(&config)
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{
		log: config.Logger, policy: newPolicy(nil, nil, nil), addresses: addresses, limits: config.Limits, minLifetime: config.MinLifetime,
		credentials: credentials{realm: DefaultRealm, now: config.Now}, nonces: newNonces(config.Now), path: &datapath.Path{},
		answers: limit.NewSources(1000, 1000),
	}
	s.credentials.secrets.Store(&config.Secrets)
	s.credentials.users.Store(&userKeys{})
	s.registry = newRegistry(&s.limits)
	s.discovery = newDiscovery(nil, addresses)
	return &endpoint{server: s, protocol: UDP, conn: conn, control: newControl(), byClient: map[netip.AddrPort]*allocation{}}
}

// signedFor returns a message with the credential of a user.
func (e *endpoint) signedFor(m wire.Message, client netip.AddrPort) []byte {
	username, password := e.server.Credential("ann", time.Minute)
	b := wire.Build(nil, m.Type(), m.TransactionID())
	for attrs := m.Attributes(); attrs.Next(); {
		b.Add(attrs.Type, attrs.Value)
	}
	b.AddString(wire.Username, username)
	b.AddString(wire.Realm, DefaultRealm)
	b.Add(wire.Nonce, e.server.nonces.appendTo(nil, client))
	b.Sign(authKey(username, DefaultRealm, password))
	return b.Bytes()
}

func TestNonce(t *testing.T) {
	now := time.Unix(1700000000, 0)
	n := newNonces(func() time.Time { return now })
	client := netip.MustParseAddrPort("192.0.2.1:9")
	nonce := n.appendTo(nil, client)
	if !n.fresh(nonce, client) {
		t.Fatalf("nonce %q is not good", nonce)
	}
	for name, other := range map[string]string{"address": "192.0.2.2:9", "port": "192.0.2.1:10", "family": "[::192.0.2.1]:9"} {
		if n.fresh(nonce, netip.MustParseAddrPort(other)) {
			t.Errorf("good for another %s", name)
		}
	}
	for i := range len(nonce) * 8 {
		forged := slices.Clone(nonce)
		forged[i/8] ^= 1 << (i % 8)
		// The last two bits of base64 mean nothing.
		if n.fresh(forged, client) && i/8 != len(nonce)-1 {
			t.Errorf("forged nonce %q is good", forged)
		}
	}
	for _, forged := range []string{"", "x", string(nonce) + "A", string(nonce[:len(nonce)-1])} {
		if n.fresh([]byte(forged), client) {
			t.Errorf("%q is good", forged)
		}
	}
	if newNonces(time.Now).fresh(nonce, client) {
		t.Error("good for another server")
	}
	for age, good := range map[time.Duration]bool{0: true, nonceLifetime: true, nonceLifetime + time.Second: false, -time.Second: false, 24 * time.Hour: false} {
		now = time.Unix(1700000000, 0).Add(age)
		if n.fresh(nonce, client) != good {
			t.Errorf("after %s: good %t, want %t", age, !good, good)
		}
	}
}
