package turnserver_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// connectedConn is a socket that receives only from the address that it sends to.
type connectedConn struct{ *net.UDPConn }

func (c connectedConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := c.Read(p)
	return n, c.RemoteAddr(), err
}

func (c connectedConn) WriteTo(p []byte, _ net.Addr) (int, error) { return c.Write(p) }

// TestAnswersFromWhereAsked sends to an address of a server on every address from which the kernel would
// not respond by itself: the client receives only from that one.
func TestAnswersFromWhereAsked(t *testing.T) {
	for _, bind := range []string{"0.0.0.0:0", "[::]:0"} {
		t.Run(bind, func(t *testing.T) {
			conn, err := net.ListenPacket("udp", bind)
			if err != nil {
				t.Skipf("%s needs sockets on %s: %v", t.Name(), bind, err)
			}
			s := start(t, func(c *turnserver.Config) { c.PacketConns = append(c.PacketConns, conn) })
			asked := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), uint16(conn.LocalAddr().(*net.UDPAddr).Port))
			var clients [2]*rawClient
			var relayed [2]netip.AddrPort
			for i := range clients {
				clients[i] = s.rawTo(t, asked, "peer-"+string(rune('a'+i)))
				relayed[i] = clients[i].allocate(t)
			}
			for i, c := range clients {
				other := relayed[1-i]
				wantSuccess(t, c.request(t, stun.MethodCreatePermission, xorPeer{other}))
			}
			const text = "from where it was asked"
			clients[0].sendIndication(t, relayed[1], text)
			buffer := make([]byte, 2048)
			if err := clients[1].conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			n, _, err := clients[1].conn.ReadFrom(buffer)
			if err != nil || !strings.Contains(string(buffer[:n]), text) {
				t.Errorf("relayed data: %q, %v", buffer[:n], err)
			}
		})
	}
}

// rawTo returns a raw client that receives only from the address that it sends to.
func (s *setup) rawTo(t *testing.T, server netip.AddrPort, peer string) *rawClient {
	t.Helper()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	username, password := s.server.Credential(peer, time.Minute)
	c := &rawClient{
		conn: connectedConn{conn}, server: conn.RemoteAddr(),
		username: username, password: password, realm: turnserver.DefaultRealm,
	}
	c.challenge(t)
	return c
}
