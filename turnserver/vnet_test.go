package turnserver_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/transport/v5/vnet"
	"github.com/pion/turn/v4"

	"callbox/turnserver"
)

const vnetServer = "1.2.3.4"

// internet is a virtual network with a public server and two clients, each behind a NAT of its own.
type internet struct {
	server  *turnserver.Server
	clients [2]*vnet.Net
}

func newInternet(t *testing.T) *internet {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	wan, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "1.2.3.0/24", LoggerFactory: quiet()})
	must(err)
	serverNet, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{vnetServer}})
	must(err)
	must(wan.AddNet(serverNet))
	in := &internet{}
	for i, public := range []string{"1.2.3.50", "1.2.3.60"} {
		lan, err := vnet.NewRouter(&vnet.RouterConfig{
			CIDR: "192.168.1.0/24", StaticIPs: []string{public}, LoggerFactory: quiet(),
			NATType: &vnet.NATType{MappingBehavior: vnet.EndpointIndependent, FilteringBehavior: vnet.EndpointAddrPortDependent, MappingLifeTime: time.Minute},
		})
		must(err)
		in.clients[i], err = vnet.NewNet(&vnet.NetConfig{})
		must(err)
		must(lan.AddNet(in.clients[i]))
		must(wan.AddRouter(lan))
	}
	must(wan.Start())
	t.Cleanup(func() {
		if err := wan.Stop(); err != nil {
			t.Error(err)
		}
	})
	listener, err := serverNet.ListenPacket("udp4", vnetServer+":3478")
	must(err)
	in.server, err = turnserver.New(turnserver.Config{
		Secrets: [][]byte{testSecret()}, PacketConns: []net.PacketConn{listener},
		RelayIPs: []netip.Addr{netip.MustParseAddr(vnetServer)}, ListenPacket: serverNet.ListenPacket,
	})
	must(err)
	t.Cleanup(func() { closeServer(t, in.server) })
	return in
}

// client returns the i-th client, and its socket behind the NAT.
func (in *internet) client(t *testing.T, i int) *turn.Client {
	t.Helper()
	conn, err := in.clients[i].ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	username, password := in.server.Credential("peer", time.Minute)
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: vnetServer + ":3478", TURNServerAddr: vnetServer + ":3478", Conn: conn,
		Username: username, Password: password, LoggerFactory: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// Two sockets behind NATs get their server-reflexive addresses from the server, open their NATs for each
// other, and communicate directly.
func TestServerReflexiveThroughNATs(t *testing.T) {
	in := newInternet(t)
	var conns [2]net.PacketConn
	var mapped [2]net.Addr
	for i := range conns {
		conn, err := in.clients[i].ListenPacket("udp4", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conns[i], mapped[i] = conn, reflexive(t, conn)
	}
	for i, public := range []string{"1.2.3.50", "1.2.3.60"} {
		if ip := mapped[i].(*net.UDPAddr).IP.String(); ip != public {
			t.Errorf("client %d is seen at %s, want %s", i, ip, public)
		}
	}
	// The first packet opens the way for the answer, and dies at the other NAT.
	for from, conn := range conns {
		if _, err := conn.WriteTo([]byte(opener), mapped[1-from]); err != nil {
			t.Fatal(err)
		}
		reflexive(t, conn) // whose answer means that the opener is through
	}
	for _, from := range []int{0, 1} {
		if _, err := conns[from].WriteTo([]byte("direct"), mapped[1-from]); err != nil {
			t.Fatal(err)
		}
		want(t, conns[1-from], []byte("direct"), mapped[from])
	}
	if got := in.server.Snapshot(); got.Created != 0 {
		t.Errorf("snapshot %+v", got)
	}
}

// reflexive returns the server-reflexive address of conn.
func reflexive(t *testing.T, conn net.PacketConn) net.Addr {
	t.Helper()
	c := &rawClient{conn: conn, server: &net.UDPAddr{IP: net.ParseIP(vnetServer).To4(), Port: 3478}}
	return c.binding(t)
}

// Two clients whose NATs let nothing through communicate by their relays, and one relay reaches the
// other client's reflexive address.
func TestRelayThroughNATs(t *testing.T) {
	in := newInternet(t)
	var relays [2]net.PacketConn
	for i := range relays {
		client := in.client(t, i)
		if err := client.Listen(); err != nil {
			t.Fatal(err)
		}
		relays[i] = allocate(t, client)
	}
	if _, err := relays[1].WriteTo([]byte(opener), relays[0].LocalAddr()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		exchange(t, relays[0], relays[1], []byte("relayed on both sides"))
		exchange(t, relays[1], relays[0], []byte("and back"))
	}
	conn, err := in.clients[1].ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	mapped := reflexive(t, conn)
	// It has to open its own NAT first.
	if _, err := conn.WriteTo([]byte(opener), relays[0].LocalAddr()); err != nil {
		t.Fatal(err)
	}
	reflexive(t, conn)
	if _, err := relays[0].WriteTo([]byte("relayed on one side"), mapped); err != nil {
		t.Fatal(err)
	}
	want(t, conn, []byte("relayed on one side"), relays[0].LocalAddr())
	if _, err := conn.WriteTo([]byte("and back"), relays[0].LocalAddr()); err != nil {
		t.Fatal(err)
	}
	want(t, relays[0], []byte("and back"), mapped)
}
