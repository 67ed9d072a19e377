package turnserver_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
	"callbox/turnserver/wire"
)

// discover starts a server on UDP sockets at these addresses; ports 1 and 2 stand for two free
// ones.
func discover(t *testing.T, change func(*turnserver.Config), addresses ...string) (sockets map[string]netip.AddrPort) {
	t.Helper()
	sockets = map[string]netip.AddrPort{}
	config := turnserver.Config{Secrets: [][]byte{testSecret()}, RelayIPs: loopback(), Limits: turnserver.Limits{Unauthenticated: -1}}
	ports := map[string]string{"1": "0", "2": "0"}
	for _, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		conn := listenUDP(t, net.JoinHostPort(host, ports[port]))
		sockets[address] = addrPortOf(conn.LocalAddr())
		_, ports[port], _ = net.SplitHostPort(conn.LocalAddr().String())
		config.PacketConns = append(config.PacketConns, conn)
	}
	if change != nil {
		change(&config)
	}
	server, err := turnserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, server) })
	return sockets
}

// asked is the response to a Binding request, and where it came from.
type asked struct {
	wire.Message
	from netip.AddrPort
	code stun.ErrorCode
}

func (a asked) address(kind wire.Attr) netip.AddrPort {
	value, _ := a.Get(kind)
	addr, _ := wire.PlainAddress(value)
	return addr
}

// ask sends a Binding request from conn, and waits for the response on at.
func ask(t *testing.T, conn, at net.PacketConn, server netip.AddrPort, add ...stun.Setter) asked {
	t.Helper()
	request := stun.MustBuild(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, add...)...)
	if _, err := conn.WriteTo(request.Raw, net.UDPAddrFromAddrPort(server)); err != nil {
		t.Fatal(err)
	}
	if err := at.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, from, err := at.ReadFrom(buffer)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.Parse(buffer[:n])
	if err != nil || m.TransactionID() != request.TransactionID || m.Type().Method() != wire.Binding {
		t.Fatalf("answer % x", buffer[:n])
	}
	answer := asked{Message: m, from: addrPortOf(from)}
	if value, ok := m.Get(wire.ErrorCode); ok {
		answer.code = stun.ErrorCode(int(value[2])*100 + int(value[3]))
	}
	// One that proves nothing is not worth more.
	if n > 4*len(request.Raw) {
		t.Errorf("%d bytes are answered with %d", len(request.Raw), n)
	}
	return answer
}

func changeRequest(ip, port bool) stun.Setter {
	value := make([]byte, 4)
	if ip {
		value[3] |= 4
	}
	if port {
		value[3] |= 2
	}
	return attribute{0x0003, value}
}

// RFC 5780 section 6.1, table 1: with two addresses and two ports the response comes from where the
// client wants it, whichever it asks.
func TestDiscovery(t *testing.T) {
	sockets := discover(t, nil, "127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:1", "127.0.0.2:2")
	conn := listenUDP(t, "127.0.0.1:0")
	for name, local := range sockets {
		elsewhere := func(ip, port bool) netip.AddrPort {
			host, number := name[:len(name)-1], name[len(name)-1:]
			if ip {
				host = map[string]string{"127.0.0.1:": "127.0.0.2:", "127.0.0.2:": "127.0.0.1:"}[host]
			}
			if port {
				number = map[string]string{"1": "2", "2": "1"}[number]
			}
			return sockets[host+number]
		}
		check := func(answer asked, from netip.AddrPort) {
			t.Helper()
			mapped, _ := answer.Get(wire.XORMappedAddress)
			seen, _ := answer.Address(mapped)
			if answer.from != from || answer.address(wire.ResponseOrigin) != from || answer.address(wire.OtherAddress) != elsewhere(true, true) {
				t.Errorf("%s: answer from %s, origin %s, other %s; want %s", name, answer.from, answer.address(wire.ResponseOrigin), answer.address(wire.OtherAddress), from)
			}
			if seen != addrPortOf(conn.LocalAddr()) || answer.address(wire.MappedAddress) != seen {
				t.Errorf("%s: mapped address %s and %s", name, seen, answer.address(wire.MappedAddress))
			}
		}
		check(ask(t, conn, conn, local), local)
		check(ask(t, conn, conn, local, changeRequest(false, false)), local)
		check(ask(t, conn, conn, local, changeRequest(true, false)), elsewhere(true, false))
		check(ask(t, conn, conn, local, changeRequest(false, true)), elsewhere(false, true))
		check(ask(t, conn, conn, local, changeRequest(true, true), stun.Fingerprint), elsewhere(true, true))
	}
}

// RFC 5780 sections 7.5 and 7.6: another port of the client, and long responses to long requests.
func TestResponsePortAndPadding(t *testing.T) {
	sockets := discover(t, nil, "127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:1", "127.0.0.2:2")
	local := sockets["127.0.0.1:1"]
	conn, other := listenUDP(t, "127.0.0.1:0"), listenUDP(t, "127.0.0.1:0")
	responsePort := func(port uint16) stun.Setter {
		return attribute{0x0027, append(binary.BigEndian.AppendUint16(nil, port), 0, 0)}
	}
	answer := ask(t, conn, other, local, responsePort(port(other)), changeRequest(true, true))
	if answer.from != sockets["127.0.0.2:2"] {
		t.Errorf("answer from %s", answer.from)
	}
	mapped, _ := answer.Get(wire.XORMappedAddress)
	if seen, _ := answer.Address(mapped); seen != addrPortOf(conn.LocalAddr()) {
		t.Errorf("mapped address %s", seen)
	}
	answer = ask(t, conn, conn, local, attribute{0x0026, make([]byte, 1500)})
	if padding, _ := answer.Get(wire.Padding); len(padding) != 1500 || answer.code != 0 {
		t.Errorf("padding of %d bytes, code %d", len(padding), answer.code)
	}
	for what, add := range map[string][]stun.Setter{
		"both":                         {responsePort(port(other)), attribute{0x0026, make([]byte, 4)}},
		"port 0":                       {responsePort(0)},
		"port of one byte":             {attribute{0x0027, []byte{1}}},
		"CHANGE-REQUEST of two bytes ": {attribute{0x0003, []byte{0, 6}}},
	} {
		if answer := ask(t, conn, conn, local, add...); answer.code != 400 {
			t.Errorf("%s: %d, want 400", what, answer.code)
		}
	}
	if answer := ask(t, conn, conn, local, attribute{0x7002, nil}); answer.code != 420 {
		t.Errorf("unknown attribute: %d, want 420", answer.code)
	}
}

// A server does not offer what it does not have: OTHER-ADDRESS needs a second address with a second
// port (RFC 5780 section 7.4).
func TestDiscoveryInPart(t *testing.T) {
	for _, test := range []struct {
		name             string
		addresses        []string
		ip, port, origin bool // not both
	}{
		{"one socket", []string{"127.0.0.1:1"}, false, false, false},
		{"two ports", []string{"127.0.0.1:1", "127.0.0.1:2"}, false, true, true},
		{"two addresses", []string{"127.0.0.1:1", "127.0.0.2:1"}, true, false, true},
		{"nothing in common", []string{"127.0.0.1:1", "127.0.0.2:2"}, false, false, false},
		{"three of four", []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:1"}, true, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			sockets := discover(t, nil, test.addresses...)
			local, conn := sockets["127.0.0.1:1"], listenUDP(t, "127.0.0.1:0")
			if answer := ask(t, conn, conn, local); answer.Has(wire.OtherAddress) || answer.Has(wire.ResponseOrigin) != test.origin {
				t.Errorf("answer % x", answer.Raw())
			}
			for _, change := range []struct{ ip, port bool }{{true, false}, {false, true}, {true, true}} {
				works := change.ip && !change.port && test.ip || change.port && !change.ip && test.port
				answer := ask(t, conn, conn, local, changeRequest(change.ip, change.port))
				if got := answer.code == 0; got != works || !works && answer.code != 420 {
					t.Errorf("change %+v: code %d, want success %t", change, answer.code, works)
				}
			}
		})
	}
}

// A socket that is bound to every address responds from the requested one, and reports the public
// one.
func TestDiscoveryOnEveryAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("loopback has one address only")
	}
	public := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}
	sockets := discover(t, func(c *turnserver.Config) {
		c.RelayIPs = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
		c.PublicIPs = public
	}, ":1", ":2")
	first, second := sockets[":1"].Port(), sockets[":2"].Port()
	at := func(ip string, port uint16) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr(ip), port)
	}
	conn := listenUDP(t, "127.0.0.1:0")
	answer := ask(t, conn, conn, at("127.0.0.1", first))
	if answer.address(wire.ResponseOrigin) != netip.AddrPortFrom(public[0], first) || answer.address(wire.OtherAddress) != netip.AddrPortFrom(public[1], second) {
		t.Errorf("origin %s, other %s", answer.address(wire.ResponseOrigin), answer.address(wire.OtherAddress))
	}
	answer = ask(t, conn, conn, at("127.0.0.1", first), changeRequest(true, true))
	if answer.from != at("127.0.0.2", second) || answer.address(wire.ResponseOrigin) != netip.AddrPortFrom(public[1], second) {
		t.Errorf("answer from %s, origin %s", answer.from, answer.address(wire.ResponseOrigin))
	}
	answer = ask(t, conn, conn, at("127.0.0.2", second), changeRequest(true, false))
	if answer.from != at("127.0.0.1", second) {
		t.Errorf("answer from %s", answer.from)
	}
	if answer = ask(t, conn, conn, at("127.0.0.3", first)); answer.Has(wire.OtherAddress) {
		t.Errorf("asked at an address of no relay, the answer tells % x", answer.Raw())
	}
}

// Over a stream there is nothing to discover.
func TestDiscoveryOverTCP(t *testing.T) {
	s := start(t, nil)
	c := s.rawTCP(t, "ann")
	answer := c.exchange(t, stun.MustBuild(stun.TransactionID, stun.BindingRequest, changeRequest(true, true)))
	if errorCode(answer) != stun.CodeUnknownAttribute {
		t.Errorf("CHANGE-REQUEST over TCP: %s", answer)
	}
	c.binding(t)
}
