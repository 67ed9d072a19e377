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

// end is one of the two that exchange payloads.
type end interface {
	// transmit sends the payload to the other end.
	transmit(t *testing.T, payload []byte)
	// next returns the next payload of the other end. It is good until the one after.
	next() ([]byte, error)
	until(deadline time.Time) error
	// limits are the largest payloads that it can send and get.
	limits() (send, get int)
}

// relayed is an end behind the server. It sends to peer by a channel when it
// has a number for one, else by indications; what it gets must come the same way.
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
		err = fmt.Errorf("by channel %#x from %s, want %#x from %s", channel, peer, r.channel, r.peer)
	}
	return payload, err
}

func (r *relayed) until(deadline time.Time) error { return r.conn.SetReadDeadline(deadline) }

func (r *relayed) limits() (send, get int) {
	ipv6 := r.peer.Addr().Is6()
	switch {
	case r.stream && r.channel == 0 && ipv6: // the length of a message has 16 bits
		return 1<<16 - 4 - 28, 1<<16 - 4 - 28
	case r.stream:
		return maxDatagram, maxDatagram
	case r.channel != 0:
		return maxDatagram - channelHeader, maxDatagram - channelHeader
	case ipv6:
		return (maxDatagram - 48) &^ 3, (maxDatagram - 48) &^ 3
	default: // header, address and header of the data, which is padded
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

// way is how an end is reached: by which protocol to the server, by a channel
// or by indications; "" is an end without a relay.
type way struct {
	protocol turnserver.Protocol
	channel  bool
}

func (w way) String() string {
	switch {
	case w.protocol == "":
		return "no relay"
	case w.channel:
		return "channel over " + string(w.protocol)
	default:
		return "indications over " + string(w.protocol)
	}
}

func ways() []way {
	var all []way
	for _, protocol := range []turnserver.Protocol{turnserver.UDP, turnserver.TCP, turnserver.TLS} {
		all = append(all, way{protocol, true}, way{protocol, false})
	}
	return all
}

// connect makes two ends that may speak with one another. With ipv6 the relays
// have addresses of IPv6.
func connect(t *testing.T, s *server, ways [2]way, ipv6 bool) [2]end {
	t.Helper()
	return connectThrough(t, [2]*server{s, s}, ways, ipv6)
}

// connectThrough is connect where the ends see the server in different places.
func connectThrough(t *testing.T, servers [2]*server, ways [2]way, ipv6 bool) (ends [2]end) {
	t.Helper()
	var clients [2]*client
	var addrs [2]netip.AddrPort
	for i, w := range ways {
		switch {
		case w.protocol == "" && ipv6:
			ends[i] = newOpen(t, "::1")
		case w.protocol == "":
			ends[i] = newOpen(t, "127.0.0.1")
		case ipv6:
			clients[i] = servers[i].dial(t, w.protocol, "ann")
			addrs[i] = clients[i].allocate(t, word{0x0017, familyIPv6})
		default:
			clients[i] = servers[i].dial(t, w.protocol, "ann")
			addrs[i] = clients[i].allocate(t)
		}
		if o, ok := ends[i].(*open); ok {
			addrs[i] = o.addr()
		}
	}
	for i, w := range ways {
		peer := addrs[1-i]
		switch {
		case w.protocol == "":
			ends[i].(*open).peer = peer
		case w.channel:
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

// TestEverySize relays payloads of every critical size by every path, both
// ways, byte for byte.
func TestEverySize(t *testing.T) {
	for _, a := range ways() {
		others := []way{{}}
		if a.channel {
			others = append(others, ways()...)
		} else {
			others = append(others, way{turnserver.UDP, false})
		}
		for _, b := range others {
			for _, ipv6 := range []bool{false, true} {
				name := fmt.Sprintf("%s to %s", a, b)
				if ipv6 {
					name += " by IPv6"
				}
				t.Run(name, func(t *testing.T) {
					s := start(t, unlimitedBytes)
					if ipv6 && !s.udp6.IsValid() {
						t.Skip("no IPv6 on loopback")
					}
					ends := connect(t, s, [2]way{a, b}, ipv6)
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
		payload[0]++ // never the same twice
		from.transmit(t, payload[:size])
		got, err := to.next()
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if !bytes.Equal(got, payload[:size]) {
			t.Fatalf("%d bytes: got %d that are others", size, len(got))
		}
	}
}
