package turn_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"callbox/turnserver"
)

const sequence = 4 // bytes of the number at the start of a payload

// numbered returns the payload with a number. No two payloads have the same bytes.
func numbered(number uint32, size int) []byte {
	payload := make([]byte, max(size, sequence))
	var seed [32]byte
	binary.BigEndian.PutUint32(seed[:], number)
	_, _ = rand.NewChaCha8(seed).Read(payload)
	binary.BigEndian.PutUint32(payload, number)
	return payload
}

// sizeOf returns the size of the payload with a number, in tests where sizes vary.
func sizeOf(number uint32) int { return sequence + int(number*2654435761>>8)%1300 }

// wantNumbers receives the payloads with exactly these numbers, in this order.
func wantNumbers(t *testing.T, at end, numbers []uint32, size func(uint32) int) {
	t.Helper()
	if err := at.until(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for i, number := range numbers {
		got, err := at.next()
		if err != nil {
			t.Fatalf("payload %d, the %dth of %d: %v", number, i, len(numbers), err)
		}
		if want := numbered(number, size(number)); !bytes.Equal(got, want) {
			t.Fatalf("payload %d, the %dth of %d: got %d bytes that differ, want %d bytes", number, i, len(numbers), len(got), len(want))
		}
	}
}

// lossyLink is between a client and the server. When it is lossy, it drops some of the
// ChannelData and reorders some.
type lossyLink struct {
	addr netip.AddrPort

	mu       sync.Mutex
	lossy    bool
	random   *rand.Rand
	up, down direction
}

// direction is one direction of a lossyLink.
type direction struct {
	send   func([]byte)
	held   []byte
	seen   int
	passed []uint32 // numbers of the forwarded payloads, in their order
}

func newLossyLink(t *testing.T, server netip.AddrPort) *lossyLink {
	t.Helper()
	front := listenUDP(t, "127.0.0.1:0")
	back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = back.Close() })
	w := &lossyLink{addr: addrPort(front.LocalAddr()), random: rand.New(rand.NewPCG(1, 2))}
	var client netip.AddrPort
	w.up.send = func(p []byte) { _, _ = back.Write(p) }
	w.down.send = func(p []byte) { _, _ = front.WriteToUDPAddrPort(p, client) }
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			n, from, err := front.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			w.mu.Lock()
			client = from
			w.pass(&w.up, buffer[:n])
			w.mu.Unlock()
		}
	}()
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			n, err := back.Read(buffer)
			if err != nil {
				return
			}
			w.mu.Lock()
			w.pass(&w.down, buffer[:n])
			w.mu.Unlock()
		}
	}()
	return w
}

func (w *lossyLink) pass(l *direction, packet []byte) {
	if !w.lossy || packet[0]>>6 != 1 {
		l.send(packet)
		return
	}
	l.seen++
	switch w.random.IntN(6) {
	case 0: // lost
		return
	case 1: // sent after the next
		if l.held == nil {
			l.held = slices.Clone(packet)
			return
		}
	}
	l.forward(packet)
	l.release()
}

func (l *direction) forward(packet []byte) {
	l.passed = append(l.passed, binary.BigEndian.Uint32(packet[channelHeader:]))
	l.send(packet)
}

func (l *direction) release() {
	if l.held != nil {
		l.forward(l.held)
		l.held = nil
	}
}

// settle waits for all packets of a burst, and returns the numbers of those that were
// forwarded.
func (w *lossyLink) settle(t *testing.T, l *direction, burst int) []uint32 {
	t.Helper()
	eventually(t, "the whole burst has arrived at the link", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return l.seen == burst
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	l.release()
	passed := l.passed
	l.seen, l.passed = 0, nil
	return passed
}

// TestLossAndReordering checks that what the network forwards arrives: once, unchanged,
// and in the order in which the network forwarded it.
func TestLossAndReordering(t *testing.T) {
	const burst, rounds = 24, 40
	for _, other := range []path{{}, {turnserver.UDP, true}, {turnserver.UDP, false}, {turnserver.TCP, true}} {
		t.Run("to "+other.String(), func(t *testing.T) {
			t.Parallel()
			s := start(t, unlimitedBytes)
			w := newLossyLink(t, s.udp)
			behind := *s
			behind.udp = w.addr
			ends := connectThrough(t, [2]*server{&behind, s}, [2]path{{turnserver.UDP, true}, other}, false)
			w.mu.Lock()
			w.lossy = true
			w.mu.Unlock()
			number := uint32(0)
			for round := range rounds {
				from, to, l := ends[0], ends[1], &w.up
				if round%2 == 1 {
					from, to, l = ends[1], ends[0], &w.down
				}
				for range burst {
					from.transmit(t, numbered(number, sizeOf(number)))
					number++
				}
				passed := w.settle(t, l, burst)
				wantNumbers(t, to, passed, sizeOf)
			}
			s.end(t)
		})
	}
}

// TestSplitStream writes a stream of frames in pieces that do not end where frames end.
func TestSplitStream(t *testing.T) {
	const burst, rounds = 24, 20
	for _, protocol := range []turnserver.Protocol{turnserver.TCP, turnserver.TLS} {
		for _, other := range []path{{}, {turnserver.UDP, true}, {protocol, true}} {
			t.Run(string(protocol)+" to "+other.String(), func(t *testing.T) {
				t.Parallel()
				s := start(t, unlimitedBytes)
				ends := connect(t, s, [2]path{{protocol, true}, other}, false)
				from := ends[0].(*relayed)
				random := rand.New(rand.NewPCG(3, 4))
				number := uint32(0)
				for range rounds {
					var stream []byte
					var numbers []uint32
					for range burst {
						payload := numbered(number, sizeOf(number))
						frame := channelData(from.channel, payload)
						if number%3 == 0 {
							frame = sendIndication(from.peer, payload)
						}
						stream = append(stream, from.framed(frame)...)
						numbers = append(numbers, number)
						number++
					}
					for len(stream) > 0 {
						n := min(len(stream), 1+random.IntN(1<<random.IntN(13)))
						if _, err := from.conn.Write(stream[:n]); err != nil {
							t.Fatal(err)
						}
						stream = stream[n:]
					}
					wantNumbers(t, ends[1], numbers, sizeOf)
				}
				s.end(t)
			})
		}
	}
}
