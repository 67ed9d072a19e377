package turnserver_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"

	"callbox/turnserver"
)

// rawClient sends to a server what no well-behaved client would.
type rawClient struct {
	conn               net.PacketConn
	server             net.Addr
	username, password string
	realm              string
	nonce              stun.Nonce
}

func (s *setup) raw(t *testing.T, username, password string) *rawClient {
	t.Helper()
	c := &rawClient{conn: listenUDP(t, "127.0.0.1:0"), server: s.udp.LocalAddr(), username: username, password: password, realm: turnserver.DefaultRealm}
	c.challenge(t)
	return c
}

// rawAs returns a raw client with a valid credential.
func (s *setup) rawAs(t *testing.T, peer string) *rawClient {
	t.Helper()
	username, password := s.server.Credential(peer, time.Minute)
	return s.raw(t, username, password)
}

// challenge gets a nonce.
func (c *rawClient) challenge(t *testing.T) {
	t.Helper()
	answer := c.exchange(t, stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), requestedTransport(17)))
	if code := errorCode(answer); code != stun.CodeUnauthorized {
		t.Fatalf("unsigned Allocate got %d, want 401", code)
	}
	if err := c.nonce.GetFrom(answer); err != nil {
		t.Fatal(err)
	}
}

func (c *rawClient) key() stun.MessageIntegrity {
	return turn.GenerateAuthKey(c.username, c.realm, c.password)
}

// request sends a signed request and returns the response.
func (c *rawClient) request(t *testing.T, method stun.Method, attributes ...stun.Setter) *stun.Message {
	t.Helper()
	return c.exchange(t, c.signedRequest(method, attributes...))
}

// bind binds a channel. The server uses it from a moment after its response on, which has passed when it
// answers the next request.
func (c *rawClient) bind(t *testing.T, number uint16, peer stun.Setter) {
	t.Helper()
	for range 2 {
		wantSuccess(t, c.request(t, stun.MethodChannelBind, channelNumber(number), peer))
	}
}

// signedRequest builds a request of the client without sending it.
func (c *rawClient) signedRequest(method stun.Method, attributes ...stun.Setter) *stun.Message {
	setters := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, attributes...)
	return stun.MustBuild(append(setters, stun.NewUsername(c.username), stun.NewRealm(c.realm), c.nonce, c.key())...)
}

// packet returns the next packet.
func (c *rawClient) packet(t *testing.T) []byte {
	t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 65536)
	n, _, err := c.conn.ReadFrom(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return buffer[:n]
}

func (c *rawClient) exchange(t *testing.T, request *stun.Message) *stun.Message {
	t.Helper()
	c.send(t, request.Raw)
	for {
		answer := &stun.Message{}
		if stun.Decode(c.packet(t), answer) == nil && answer.TransactionID == request.TransactionID {
			return answer
		}
	}
}

func (c *rawClient) send(t *testing.T, packet []byte) {
	t.Helper()
	if _, err := c.conn.WriteTo(packet, c.server); err != nil {
		t.Fatal(err)
	}
}

func (c *rawClient) allocate(t *testing.T, attributes ...stun.Setter) netip.AddrPort {
	t.Helper()
	answer := c.request(t, stun.MethodAllocate, append(attributes, requestedTransport(17))...)
	var relayed stun.XORMappedAddress
	if err := relayed.GetFromAs(answer, stun.AttrXORRelayedAddress); err != nil {
		t.Fatalf("Allocate: %d: %v", errorCode(answer), err)
	}
	ip, _ := netip.AddrFromSlice(relayed.IP)
	return netip.AddrPortFrom(ip.Unmap(), uint16(relayed.Port))
}

// wantCode expects an error response with this code, signed with the client's key.
func (c *rawClient) wantCode(t *testing.T, answer *stun.Message, code stun.ErrorCode) {
	t.Helper()
	if answer.Type.Class != stun.ClassErrorResponse || errorCode(answer) != code {
		t.Errorf("%s: got %s with code %d, want %d", answer.Type.Method, answer.Type.Class, errorCode(answer), code)
	}
	if err := c.key().Check(answer); err != nil && code != stun.CodeUnauthorized {
		t.Errorf("%s %d: %v", answer.Type.Method, code, err)
	}
}

func wantSuccess(t *testing.T, answer *stun.Message) {
	t.Helper()
	if answer.Type.Class != stun.ClassSuccessResponse {
		t.Fatalf("%s: got %s with code %d, want success", answer.Type.Method, answer.Type.Class, errorCode(answer))
	}
}

func errorCode(m *stun.Message) stun.ErrorCode {
	var code stun.ErrorCodeAttribute
	_ = code.GetFrom(m)
	return code.Code
}

type attribute struct {
	kind  stun.AttrType
	value []byte
}

func (a attribute) AddTo(m *stun.Message) error {
	m.Add(a.kind, a.value)
	return nil
}

func requestedTransport(protocol byte) stun.Setter {
	return attribute{stun.AttrRequestedTransport, []byte{protocol, 0, 0, 0}}
}

func requestedFamily(family byte) stun.Setter {
	return attribute{stun.AttrRequestedAddressFamily, []byte{family, 0, 0, 0}}
}

func lifetime(d time.Duration) stun.Setter {
	return attribute{stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, uint32(d/time.Second))}
}

func channelNumber(n uint16) stun.Setter {
	return attribute{stun.AttrChannelNumber, binary.BigEndian.AppendUint32(nil, uint32(n)<<16)}
}

func channelData(n uint16, payload string) []byte {
	b := binary.BigEndian.AppendUint16(nil, n)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	return append(b, payload...)
}

// xorPeer adds XOR-PEER-ADDRESS exactly as given: IPv4-mapped addresses stay sixteen bytes long.
type xorPeer struct{ netip.AddrPort }

func (p xorPeer) AddTo(m *stun.Message) error {
	const cookie = 0x2112A442
	mask := binary.BigEndian.AppendUint32(nil, cookie)
	mask = append(mask, m.TransactionID[:]...)
	family := byte(1)
	if p.Addr().Is6() {
		family = 2
	}
	value := binary.BigEndian.AppendUint16([]byte{0, family}, p.Port()^cookie>>16)
	for i, b := range p.Addr().AsSlice() {
		value = append(value, b^mask[i])
	}
	m.Add(stun.AttrXORPeerAddress, value)
	return nil
}

func (c *rawClient) sendIndication(t *testing.T, peer netip.AddrPort, payload string) {
	t.Helper()
	c.send(t, stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication),
		xorPeer{peer}, attribute{stun.AttrData, []byte(payload)}).Raw)
}

func loopback() []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.1")} }

// rawTCP returns a raw client over TCP, which reads only the responses that it waits for.
func (s *setup) rawTCP(t *testing.T, peer string) *rawClient {
	t.Helper()
	return s.rawOver(t, turnserver.TCP, peer)
}

// rawOver returns a raw client with a valid credential, over any protocol.
func (s *setup) rawOver(t *testing.T, protocol turnserver.Protocol, peer string) *rawClient {
	t.Helper()
	conn, at := s.dial(t, protocol)
	server, err := net.ResolveUDPAddr("udp", at) // of streams the connection knows better
	if err != nil {
		t.Fatal(err)
	}
	c := &rawClient{conn: conn, server: server, realm: turnserver.DefaultRealm}
	c.username, c.password = s.server.Credential(peer, time.Minute)
	c.challenge(t)
	return c
}

// smallBuffers gives the connections of a listener small socket buffers.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = tcp.SetWriteBuffer(4096)
	}
	return conn, err
}

// binding returns a Binding request.
func (c *rawClient) binding(t *testing.T) net.Addr {
	t.Helper()
	answer := c.exchange(t, stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.Fingerprint))
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(answer); err != nil {
		t.Fatal(err)
	}
	return &net.UDPAddr{IP: mapped.IP, Port: mapped.Port}
}
