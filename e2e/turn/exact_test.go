package turn_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"callbox/turnserver"
)

// end is one of two that exchange payloads.
type end interface {
	// transmit sends the payload to the other end.
	transmit(t *testing.T, payload []byte)
	// next returns the next payload from the other end, which is valid until the next call.
	next() ([]byte, error)
	// until sets the deadline of next.
	until(deadline time.Time) error
	// limits returns the sizes of the largest payloads that it can send and receive.
	limits() (send, receive int)
}

// relayed is an end with a relay. It sends to peer in a channel if it has the number of
// one, or else in indications. What it receives must come in the same form.
type relayed struct {
	*client
	peer    netip.AddrPort
	channel uint16
}

func (r *relayed) transmit(t *testing.T, payload []byte) {
	t.Helper()
	if r.channel != 0 {
		r.send(t, channelData(r.channel, payload))
		return
	}
	r.send(t, sendIndication(r.peer, payload))
}

func (r *relayed) next() ([]byte, error) {
	message, err := r.receive()
	if err != nil {
		return nil, err
	}
	payload, channel, peer, err := data(message)
	if err == nil && (channel != r.channel || channel == 0 && peer != r.peer) {
		err = fmt.Errorf("data in channel %#x from %s, want channel %#x from %s", channel, peer, r.channel, r.peer)
	}
	return payload, err
}

func (r *relayed) until(deadline time.Time) error { return r.conn.SetReadDeadline(deadline) }

func (r *relayed) limits() (send, get int) {
	ipv6 := r.peer.Addr().Is6()
	switch {
	case r.stream && r.channel == 0 && ipv6: // the length field of a message has 16 bits
		return 1<<16 - 4 - 28, 1<<16 - 4 - 28
	case r.stream:
		return maxDatagram, maxDatagram
	case r.channel != 0:
		return maxDatagram - channelHeader, maxDatagram - channelHeader
	case ipv6:
		return (maxDatagram - 48) &^ 3, (maxDatagram - 48) &^ 3
	default: // without the header, the address and the header of DATA, which is padded
		return (maxDatagram - 36) &^ 3, (maxDatagram - 36) &^ 3
	}
}

// open is an end without a relay.
type open struct {
	*net.UDPConn
	peer   netip.AddrPort
	buffer []byte
}

func newOpen(t *testing.T, ip string) *open {
	t.Helper()
	conn := listenUDP(t, net.JoinHostPort(ip, "0"))
	if err := errors.Join(conn.SetReadBuffer(socketBuffer), conn.SetWriteBuffer(socketBuffer)); err != nil {
		t.Fatal(err)
	}
	return &open{UDPConn: conn, buffer: make([]byte, 1<<16)}
}

func (o *open) addr() netip.AddrPort { return addrPort(o.LocalAddr()) }

func (o *open) transmit(t *testing.T, payload []byte) {
	t.Helper()
	if _, err := o.WriteToUDPAddrPort(payload, o.peer); err != nil {
		t.Fatal(err)
	}
}

func (o *open) next() ([]byte, error) {
	n, from, err := o.ReadFromUDPAddrPort(o.buffer)
	if from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port()); err == nil && from != o.peer {
		err = fmt.Errorf("from %s, want %s", from, o.peer)
	}
	return o.buffer[:n], err
}

func (o *open) until(deadline time.Time) error { return o.SetReadDeadline(deadline) }

func (o *open) limits() (send, get int) { return maxDatagram, maxDatagram }

// path is how an end receives: the protocol between it and the server, and a channel or
// indications. The protocol "" means an end without a relay.
type path struct {
	protocol turnserver.Protocol
	channel  bool
}

func (p path) String() string {
	switch {
	case p.protocol == "":
		return "no relay"
	case p.channel:
		return "channel over " + string(p.protocol)
	default:
		return "indications over " + string(p.protocol)
	}
}

func paths() []path {
	var all []path
	for _, protocol := range []turnserver.Protocol{turnserver.UDP, turnserver.TCP, turnserver.TLS} {
		all = append(all, path{protocol, true}, path{protocol, false})
	}
	return all
}

// connect makes two ends that can send to each other. With ipv6, the relayed addresses
// are IPv6.
func connect(t *testing.T, s *server, paths [2]path, ipv6 bool) [2]end {
	t.Helper()
	return connectThrough(t, [2]*server{s, s}, paths, ipv6)
}

// connectThrough is connect where the ends use different addresses of the server.
func connectThrough(t *testing.T, servers [2]*server, paths [2]path, ipv6 bool) (ends [2]end) {
	t.Helper()
	var clients [2]*client
	var addrs [2]netip.AddrPort
	for i, p := range paths {
		switch {
		case p.protocol == "" && ipv6:
			ends[i] = newOpen(t, "::1")
		case p.protocol == "":
			ends[i] = newOpen(t, "127.0.0.1")
		case ipv6:
			clients[i] = servers[i].dial(t, p.protocol, "ann")
			addrs[i] = clients[i].allocate(t, word{0x0017, familyIPv6})
		default:
			clients[i] = servers[i].dial(t, p.protocol, "ann")
			addrs[i] = clients[i].allocate(t)
		}
		if o, ok := ends[i].(*open); ok {
			addrs[i] = o.addr()
		}
	}
	for i, p := range paths {
		peer := addrs[1-i]
		switch {
		case p.protocol == "":
			ends[i].(*open).peer = peer
		case p.channel:
			number := uint16(0x4000 + i)
			clients[i].bind(t, number, peer)
			ends[i] = &relayed{clients[i], peer, number}
		default:
			clients[i].permit(t, peer)
			ends[i] = &relayed{clients[i], peer, 0}
		}
	}
	return ends
}

func unlimitedBytes(c *turnserver.Config) {
	unlimited(c)
	c.Limits.UserBytes = -1
}

// TestEverySize relays payloads of all critical sizes over all paths, in both
// directions, and compares every byte.
func TestEverySize(t *testing.T) {
	for _, a := range paths() {
		others := []path{{}}
		if a.channel {
			others = append(others, paths()...)
		} else {
			others = append(others, path{turnserver.UDP, false})
		}
		for _, b := range others {
			for _, ipv6 := range []bool{false, true} {
				name := fmt.Sprintf("%s to %s", a, b)
				if ipv6 {
					name += " over IPv6"
				}
				t.Run(name, func(t *testing.T) {
					s := start(t, unlimitedBytes)
					if ipv6 && !s.udp6.IsValid() {
						t.Skip("no IPv6 on loopback")
					}
					ends := connect(t, s, [2]path{a, b}, ipv6)
					everySize(t, ends[0], ends[1])
					everySize(t, ends[1], ends[0])
					s.end(t)
				})
			}
		}
	}
}

func everySize(t *testing.T, from, to end) {
	t.Helper()
	send, _ := from.limits()
	_, get := to.limits()
	limit := min(send, get)
	sizes := []int{0, 1, 2, 3, 4, 5, 7, 8, 20, 31, 1199, 1200, 1201, 1472, 1473, 1599, 1600, 1601, 2048, 9000, 16384, 32767, 32768, 60000, limit - 1, limit}
	random := rand.NewChaCha8([32]byte{})
	payload := make([]byte, limit)
	if _, err := random.Read(payload); err != nil {
		t.Fatal(err)
	}
	for _, size := range sizes {
		if size > limit {
			continue
		}
		if err := to.until(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		payload[0]++ // so that no two payloads are the same
		from.transmit(t, payload[:size])
		got, err := to.next()
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if !bytes.Equal(got, payload[:size]) {
			t.Fatalf("%d bytes: got %d bytes that differ", size, len(got))
		}
	}
}
