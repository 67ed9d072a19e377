package datapath

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	// slots is how many datagrams, or groups of them that the kernel has coalesced, an
	// engine holds at once.
	slots = 64
	// slotBytes is the size of a slot. It is not a power of two, so that the beginnings
	// of slots spread over the cache sets.
	slotBytes = headroom + 1<<16 + tailroom
	// controlRoom is the room for the control messages of a slot.
	controlRoom = 96
)

// inbox holds what an engine receives, until everything that came of it is sent. Its
// memory is mapped, so that only pages that were used exist.
type inbox struct {
	memory   []byte
	used     int
	headers  [slots]mmsghdr
	vectors  [slots]unix.Iovec
	names    [slots][unix.SizeofSockaddrInet6]byte
	controls [slots][controlRoom]byte
}

func (b *inbox) init() error {
	memory, err := unix.Mmap(-1, 0, slots*slotBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	_ = unix.Madvise(memory, unix.MADV_NOHUGEPAGE) // huge pages would all be allocated; not every kernel has them
	b.memory = memory
	for i := range b.headers {
		b.vectors[i].Base = &memory[i*slotBytes+headroom]
		b.vectors[i].SetLen(slotBytes - headroom - tailroom)
		h := &b.headers[i].header
		h.Name = &b.names[i][0]
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
		h.Control = &b.controls[i][0]
	}
	return nil
}

func (b *inbox) free() { _ = unix.Munmap(b.memory) } // fails only for memory that is not mapped

func (b *inbox) freeSlots() int { return slots - b.used }
func (b *inbox) reset()         { b.used = 0 }

// receive receives up to n datagrams, for which there must be free slots, and returns the
// slots that they are in.
func (b *inbox) receive(fd, n int) (first, received int) {
	first = b.used
	for i := first; i < first+n; i++ {
		h := &b.headers[i].header
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(controlRoom)
	}
	if n == 1 {
		if errno := receiveOne(fd, &b.headers[first]); errno == 0 {
			received = 1
		}
	} else if many, errno := receiveMany(fd, b.headers[first:first+n]); errno == 0 {
		received = many
	}
	b.used += received
	return first, received
}

func (b *inbox) from(slot int) netip.AddrPort { return decode(&b.names[slot]) }

// packet returns what is in a slot, and the length of the datagrams that the kernel has
// coalesced in it; 0 = it is one datagram.
func (b *inbox) packet(slot int) (k packet, segment int) {
	memory := b.memory[slot*slotBytes : (slot+1)*slotBytes]
	k = packet{buffer: memory, start: headroom, end: headroom + int(b.headers[slot].n)}
	for control := b.control(slot); len(control) > 0; {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		if header.Level == unix.IPPROTO_UDP && header.Type == unix.UDP_GRO && len(data) >= 2 {
			segment = int(binary.NativeEndian.Uint16(data))
		}
		control = rest
	}
	return k, segment
}

// localAddr returns the local address that a datagram was sent to.
func (b *inbox) localAddr(slot int) netip.Addr { return localAddrOf(b.control(slot)) }

func (b *inbox) control(slot int) []byte {
	return b.controls[slot][:b.headers[slot].header.Controllen]
}
