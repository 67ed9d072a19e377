package turn_test

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"

	"callbox/turnserver"
)

const (
	maxDatagram   = 65507 // of UDP over IPv4
	channelHeader = 4
	socketBuffer  = 4 << 20
	transportUDP  = 17
	familyIPv6    = 2 << 24
	headerOfSTUN  = 20
)

// client is a TURN client that sends only what the test tells it to.
type client struct {
	conn               net.Conn
	stream             bool
	username, password string
	nonce              stun.Nonce
	pending            [][]byte // data that came before a response
	buffer             []byte
}

// dial connects a client with a credential of user to the server.
func (s *server) dial(t *testing.T, protocol turnserver.Protocol, user string) *client {
	t.Helper()
	var conn net.Conn
	var err error
	switch protocol {
	case turnserver.TCP:
		conn, err = net.Dial("tcp", s.tcp.String())
	case turnserver.TLS:
		conn, err = tls.Dial("tcp", s.tls.String(), &tls.Config{RootCAs: s.roots})
	default:
		return s.dialUDP(t, s.udp, user)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.clientOn(t, conn, true, user)
}

func (s *server) dialUDP(t *testing.T, at netip.AddrPort, user string) *client {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.SetReadBuffer(socketBuffer), conn.SetWriteBuffer(socketBuffer)); err != nil {
		t.Fatal(err)
	}
	return s.clientOn(t, conn, false, user)
}

func (s *server) clientOn(t *testing.T, conn net.Conn, stream bool, user string) *client {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	c := &client{conn: conn, stream: stream, buffer: make([]byte, 1<<16)}
	c.username, c.password = s.Credential(user, time.Hour)
	return c
}

// send sends a message or ChannelData, on a stream with the padding.
func (c *client) send(t *testing.T, message []byte) {
	t.Helper()
	if _, err := c.conn.Write(c.framed(message)); err != nil {
		t.Fatal(err)
	}
}

func (c *client) framed(message []byte) []byte {
	if c.stream {
		return append(message[:len(message):len(message)], make([]byte, -len(message)&3)...)
	}
	return message
}

// receive returns the next message or ChannelData, which is valid until the next call.
func (c *client) receive() ([]byte, error) {
	if !c.stream {
		n, err := c.conn.Read(c.buffer)
		return c.buffer[:n], err
	}
	if _, err := io.ReadFull(c.conn, c.buffer[:channelHeader]); err != nil {
		return nil, err
	}
	n := channelHeader + int(binary.BigEndian.Uint16(c.buffer[2:]))
	if c.buffer[0]>>6 == 0 {
		n += headerOfSTUN - channelHeader
	}
	if padded := (n + 3) &^ 3; padded > len(c.buffer) {
		c.buffer = append(c.buffer, make([]byte, padded-len(c.buffer))...)
	}
	_, err := io.ReadFull(c.conn, c.buffer[channelHeader:(n+3)&^3])
	return c.buffer[:n], err
}

func (c *client) key() stun.MessageIntegrity {
	return turn.GenerateAuthKey(c.username, turnserver.DefaultRealm, c.password)
}

// challenge requests a nonce.
func (c *client) challenge(t *testing.T) {
	t.Helper()
	answer := c.exchange(t, unsignedAllocate())
	if err := c.nonce.GetFrom(answer); err != nil {
		t.Fatal(err)
	}
}

func unsignedAllocate() *stun.Message {
	return stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), requestedUDP())
}

func requestedUDP() stun.Setter { return word{stun.AttrRequestedTransport, transportUDP << 24} }

// build returns a request with MESSAGE-INTEGRITY.
func (c *client) build(method stun.Method, attributes ...stun.Setter) *stun.Message {
	setters := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, attributes...)
	return stun.MustBuild(append(setters, stun.NewUsername(c.username), stun.NewRealm(turnserver.DefaultRealm), c.nonce, c.key())...)
}

// request sends a request with MESSAGE-INTEGRITY and returns the response. If that is
// 438 (Stale Nonce), it tries again with the new nonce.
func (c *client) request(t *testing.T, method stun.Method, attributes ...stun.Setter) *stun.Message {
	t.Helper()
	answer := c.exchange(t, c.build(method, attributes...))
	if code := errorCode(answer); code == stun.CodeUnauthorized && c.nonce == nil || code == stun.CodeStaleNonce {
		if err := c.nonce.GetFrom(answer); err != nil {
			t.Fatal(err)
		}
		answer = c.exchange(t, c.build(method, attributes...))
	}
	return answer
}

// exchange sends a request until there is a response. It keeps data that comes before
// that.
func (c *client) exchange(t *testing.T, request *stun.Message) *stun.Message {
	t.Helper()
	deadline := time.Now().Add(patience)
	for again := time.Second; ; again *= 2 {
		c.send(t, request.Raw)
		until := time.Now().Add(again)
		if c.stream || until.After(deadline) {
			until = deadline
		}
		if err := c.conn.SetReadDeadline(until); err != nil {
			t.Fatal(err)
		}
		answer, err := c.await(request.TransactionID)
		var timeout net.Error
		switch {
		case err == nil:
			return answer
		case !errors.As(err, &timeout) || !timeout.Timeout() || !until.Before(deadline):
			t.Fatalf("%s: no response: %v", request.Type, err)
		}
	}
}

func (c *client) await(id [stun.TransactionIDSize]byte) (*stun.Message, error) {
	for {
		message, err := c.receive()
		if err != nil {
			return nil, err
		}
		answer := &stun.Message{}
		if stun.Decode(message, answer) == nil && answer.TransactionID == id {
			return answer, nil
		}
		c.pending = append(c.pending, append([]byte(nil), message...))
	}
}

// allocate makes an allocation and returns its relayed address.
func (c *client) allocate(t *testing.T, attributes ...stun.Setter) netip.AddrPort {
	t.Helper()
	answer := c.request(t, stun.MethodAllocate, append(attributes, requestedUDP())...)
	var relayed stun.XORMappedAddress
	if err := relayed.GetFromAs(answer, stun.AttrXORRelayedAddress); err != nil {
		t.Fatalf("Allocate: %d: %v", errorCode(answer), err)
	}
	ip, _ := netip.AddrFromSlice(relayed.IP)
	return netip.AddrPortFrom(ip.Unmap(), uint16(relayed.Port))
}

// must sends a request, which must succeed.
func (c *client) must(t *testing.T, method stun.Method, attributes ...stun.Setter) {
	t.Helper()
	if answer := c.request(t, method, attributes...); answer.Type.Class != stun.ClassSuccessResponse {
		t.Fatalf("%s: error %d", method, errorCode(answer))
	}
}

func (c *client) permit(t *testing.T, peer netip.AddrPort) {
	t.Helper()
	c.must(t, stun.MethodCreatePermission, peerAddress(peer))
}

// bind binds a channel. The server starts to use it shortly after its response, but
// before its response to the next request.
func (c *client) bind(t *testing.T, number uint16, peer netip.AddrPort) {
	t.Helper()
	for range 2 {
		c.must(t, stun.MethodChannelBind, word{stun.AttrChannelNumber, uint32(number) << 16}, peerAddress(peer))
	}
}

func channelData(number uint16, payload []byte) []byte {
	b := make([]byte, channelHeader, channelHeader+len(payload))
	binary.BigEndian.PutUint16(b, number)
	binary.BigEndian.PutUint16(b[2:], uint16(len(payload)))
	return append(b, payload...)
}

func sendIndication(peer netip.AddrPort, payload []byte) []byte {
	return stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication),
		peerAddress(peer), stun.RawAttribute{Type: stun.AttrData, Value: payload}).Raw
}

// data returns the payload of a Data indication or of ChannelData, and the peer or the
// channel.
func data(message []byte) (payload []byte, channel uint16, peer netip.AddrPort, err error) {
	if len(message) >= channelHeader && message[0]>>6 == 1 {
		n := int(binary.BigEndian.Uint16(message[2:]))
		if len(message) < channelHeader+n {
			return nil, 0, peer, fmt.Errorf("ChannelData of %d bytes has the length %d", len(message)-channelHeader, n)
		}
		return message[channelHeader : channelHeader+n], binary.BigEndian.Uint16(message), peer, nil
	}
	indication := &stun.Message{}
	if err := stun.Decode(message, indication); err != nil {
		return nil, 0, peer, err
	}
	if indication.Type != stun.NewType(stun.MethodData, stun.ClassIndication) {
		return nil, 0, peer, fmt.Errorf("a %s", indication.Type)
	}
	payload, err = indication.Get(stun.AttrData)
	var from stun.XORMappedAddress
	err = errors.Join(err, from.GetFromAs(indication, stun.AttrXORPeerAddress))
	ip, _ := netip.AddrFromSlice(from.IP)
	return payload, 0, netip.AddrPortFrom(ip.Unmap(), uint16(from.Port)), err
}

// word is an attribute with a value of four bytes.
type word struct {
	kind  stun.AttrType
	value uint32
}

func (w word) AddTo(m *stun.Message) error {
	m.Add(w.kind, binary.BigEndian.AppendUint32(nil, w.value))
	return nil
}

type peerAddress netip.AddrPort

func (p peerAddress) AddTo(m *stun.Message) error {
	a := netip.AddrPort(p)
	return stun.XORMappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}.AddToAs(m, stun.AttrXORPeerAddress)
}

func errorCode(m *stun.Message) stun.ErrorCode {
	var code stun.ErrorCodeAttribute
	_ = code.GetFrom(m)
	return code.Code
}
