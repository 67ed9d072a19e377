package turnserver_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"

	"callbox/turnserver"
)

// blackhole is a relay socket that sends nothing, and records what should not have been sent.
type blackhole struct {
	net.PacketConn
	forbidden *atomic.Value
}

func (b blackhole) WriteTo(p []byte, addr net.Addr) (int, error) {
	ip := addrPortOf(addr).Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		b.forbidden.Store(addr.String())
	}
	return len(p), nil
}

// Whatever a client with a valid credential sends, the server keeps running, and nothing reaches a
// forbidden address.
func FuzzSignedMessages(f *testing.F) {
	f.Add(uint16(0x003), []byte{0x00, 0x19, 4, 17, 0, 0, 0})                                                           // Allocate
	f.Add(uint16(0x003), []byte{0x00, 0x19, 4, 17, 0, 0, 0, 0x00, 0x18, 1, 0x80})                                      // with EVEN-PORT
	f.Add(uint16(0x004), []byte{0x00, 0x0d, 4, 0, 0, 0, 1})                                                            // Refresh
	f.Add(uint16(0x008), []byte{0x00, 0x12, 8, 0, 1, 0, 9, 0x29, 0x1a, 0xac, 0x4a})                                    // CreatePermission
	f.Add(uint16(0x009), []byte{0x00, 0x0c, 4, 0x40, 0, 0, 0, 0x00, 0x12, 8, 0, 1, 0, 9, 0x29, 0x1a, 0xac, 0x4a})      // ChannelBind
	f.Add(uint16(0x016), []byte{0x00, 0x12, 8, 0, 1, 0, 9, 0x5e, 0x12, 0xa4, 0x43, 0x00, 0x13, 4, 'd', 'a', 't', 'a'}) // Send
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	var reached atomic.Value
	server, err := turnserver.New(turnserver.Config{
		Secrets: [][]byte{testSecret()}, PacketConns: []net.PacketConn{conn}, RelayIPs: loopback(),
		Limits:    turnserver.Limits{Unauthenticated: -1},
		PublicIPs: []netip.Addr{netip.MustParseAddr("192.0.2.200")},
		ListenPacket: func(network, address string) (net.PacketConn, error) {
			conn, err := net.ListenPacket(network, address)
			return blackhole{conn, &reached}, err
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { closeServer(f, server) })
	f.Fuzz(func(t *testing.T, kind uint16, attributes []byte) {
		c := &rawClient{conn: listenUDP(t, "127.0.0.1:0"), server: conn.LocalAddr(), realm: turnserver.DefaultRealm}
		c.username, c.password = server.Credential("fuzz", time.Minute)
		c.challenge(t)
		if kind&1 == 0 { // half of them have an allocation
			c.allocate(t)
		}
		c.send(t, signed(c, kind, attributes))
		c.sendIndication(t, netip.MustParseAddrPort("8.8.8.8:9"), "if it is permitted")
		c.send(t, append(channelData(0x4000, ""), attributes...))
		c.binding(t)
		if r := c.request(t, stun.MethodRefresh, lifetime(0)); r.Type.Method != stun.MethodRefresh {
			t.Errorf("answer %s", r.Type)
		}
		if addr := reached.Load(); addr != nil {
			t.Errorf("sent to %s", addr)
		}
	})
}

// signed builds a message of any type from a list of attributes: two bytes of
// type, one of length, the value.
func signed(c *rawClient, kind uint16, attributes []byte) []byte {
	m := stun.New()
	m.TransactionID = stun.NewTransactionID()
	m.Type.ReadValue(kind & 0x3fff)
	m.WriteHeader()
	for len(attributes) >= 3 && len(m.Raw) < 1200 {
		length := min(int(attributes[2]), len(attributes)-3)
		m.Add(stun.AttrType(binary.BigEndian.Uint16(attributes)), attributes[3:3+length])
		attributes = attributes[3+length:]
	}
	for _, setter := range []stun.Setter{
		stun.NewUsername(c.username), stun.NewRealm(c.realm), c.nonce,
		stun.MessageIntegrity(turn.GenerateAuthKey(c.username, c.realm, c.password)),
	} {
		if setter.AddTo(m) != nil { // a FINGERPRINT among the attributes
			break
		}
	}
	return m.Raw
}
