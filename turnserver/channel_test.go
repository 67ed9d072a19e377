package turnserver_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// slowAnswers calls hook just before the success response to a ChannelBind is sent.
type slowAnswers struct {
	net.PacketConn

	hook atomic.Pointer[func()]
}

func (c *slowAnswers) WriteTo(p []byte, to net.Addr) (int, error) {
	if hook := c.hook.Load(); hook != nil && len(p) > 2 &&
		binary.BigEndian.Uint16(p) == stun.NewType(stun.MethodChannelBind, stun.ClassSuccessResponse).Value() {
		(*hook)()
	}
	return c.PacketConn.WriteTo(p, to)
}

// A client discards ChannelData in a channel that it does not know to be bound. So what a peer sends
// before the response to the ChannelBind must come as an indication.
func TestNoChannelBeforeItsAnswer(t *testing.T) {
	conn := &slowAnswers{PacketConn: listenUDP(t, "127.0.0.1:0")}
	s := start(t, func(c *turnserver.Config) {
		allowLoopback(c)
		c.PacketConns = append(c.PacketConns, conn)
	})
	s.udp = conn
	ann, bo := s.rawAs(t, "ann"), s.rawAs(t, "bo")
	relayA, relayB := ann.allocate(t), bo.allocate(t)
	peer := listenUDP(t, "127.0.0.1:0")
	bo.bind(t, 0x4001, xorPeer{relayA})
	for i, c := range []struct {
		name string
		peer netip.AddrPort
		send func()
	}{
		{"over the wire", addrPortOf(peer.LocalAddr()), func() {
			if _, err := peer.WriteTo([]byte("data"), net.UDPAddrFromAddrPort(relayA)); err != nil {
				t.Error(err)
			}
		}},
		{"by the short cut", relayB, func() { bo.send(t, channelData(0x4001, "data")) }},
	} {
		number := uint16(0x4000 + i)
		hook := func() {
			before := s.server.Snapshot().FromPeers.Packets
			c.send()
			eventually(t, "the relay has passed it on", func() bool { return s.server.Snapshot().FromPeers.Packets > before })
		}
		conn.hook.Store(&hook)
		ann.send(t, ann.signedRequest(stun.MethodChannelBind, channelNumber(number), xorPeer{c.peer}).Raw)
		first, second := ann.packet(t), ann.packet(t)
		if kind := binary.BigEndian.Uint16(first); kind != stun.NewType(stun.MethodData, stun.ClassIndication).Value() {
			t.Errorf("%s: %#04x came before the answer, want a Data indication", c.name, kind)
		}
		if kind := binary.BigEndian.Uint16(second); kind != stun.NewType(stun.MethodChannelBind, stun.ClassSuccessResponse).Value() {
			t.Errorf("%s: then came %#04x, want the answer", c.name, kind)
		}
		conn.hook.Store(nil)
		ann.bind(t, number, xorPeer{c.peer})
		c.send()
		if got, want := string(ann.packet(t)), string(channelData(number, "data")); got != want {
			t.Errorf("%s: after the answer came %q, want %q", c.name, got, want)
		}
	}
}
