package turn_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"callbox/turnserver"
)

// TestBursts sends with segmentation offload: the kernel splits a buffer into datagrams,
// and coalesces those datagrams for a receiver that allows it.
func TestBursts(t *testing.T) {
	for _, other := range []path{{}, {turnserver.UDP, true}, {turnserver.UDP, false}, {turnserver.TCP, true}} {
		for _, ipv6 := range []bool{false, true} {
			name := "to " + other.String()
			if ipv6 {
				name += " by IPv6"
			}
			t.Run(name, func(t *testing.T) {
				s := start(t, unlimitedBytes)
				if ipv6 && !s.udp6.IsValid() {
					t.Skip("no IPv6 on loopback")
				}
				ends := connect(t, s, [2]path{{turnserver.UDP, true}, other}, ipv6)
				number := uint32(0)
				for _, size := range []int{sequence, 5, 160, 161, 1000, 1199, 1200, 1400} {
					for _, count := range []int{1, 2, 4, 8, 17, 40} {
						number = sendBurst(t, ends[0], ends[1], number, count, size)
						if other.protocol != turnserver.TCP {
							number = sendBurst(t, ends[1], ends[0], number, count, size)
						}
					}
				}
				s.end(t)
			})
		}
	}
}

// sendBurst sends count payloads of a size, the last one shorter, with as few calls as
// possible. All must arrive. It returns the next number.
func sendBurst(t *testing.T, from, to end, number uint32, count, size int) uint32 {
	t.Helper()
	first, last := number, number+uint32(count)-1
	length := func(n uint32) int {
		if n == last && count > 2 {
			return max(size-1, sequence)
		}
		return size
	}
	var joined []byte
	segment := 0
	var numbers []uint32
	for n := first; n <= last; n++ {
		packet := numbered(n, length(n))
		if r, ok := from.(*relayed); ok {
			if r.channel != 0 {
				packet = channelData(r.channel, packet)
			} else {
				packet = sendIndication(r.peer, packet)
			}
		}
		segment = max(segment, len(packet))
		joined = append(joined, packet...)
		numbers = append(numbers, n)
	}
	for len(joined) > 0 {
		n := min(len(joined), segment*max(1, 60000/segment))
		n = min(n, segment*60)
		sendSegments(t, from, joined[:n], segment)
		joined = joined[n:]
	}
	wantNumbers(t, to, numbers, length)
	return last + 1
}

func sendSegments(t *testing.T, from end, joined []byte, segment int) {
	t.Helper()
	var conn *net.UDPConn
	var to netip.AddrPort
	switch e := from.(type) {
	case *relayed:
		conn = e.conn.(*net.UDPConn)
	case *open:
		conn, to = e.UDPConn, e.peer
	}
	control := make([]byte, unix.CmsgSpace(2))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	header.Level, header.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	header.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(control[unix.CmsgLen(0):], uint16(segment))
	_, _, err := conn.WriteMsgUDPAddrPort(joined, control, to)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOPROTOOPT) {
		t.Skipf("this kernel splits no datagrams: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
