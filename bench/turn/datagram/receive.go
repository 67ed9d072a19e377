//go:build linux

package datagram

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Receiver holds what one system call received. It belongs to one goroutine.
type Receiver struct {
	messages []message
	iovecs   []unix.Iovec
	buffers  []byte
	control  []byte
	names    []unix.RawSockaddrInet4
	bytes    int // of a buffer
}

// NewReceiver takes so many datagrams at a time of at most so many bytes, or
// what the kernel joined of them.
func NewReceiver(datagrams, bytes int) *Receiver {
	r := &Receiver{
		messages: make([]message, datagrams), iovecs: make([]unix.Iovec, datagrams),
		buffers: make([]byte, datagrams*bytes), control: make([]byte, datagrams*controlBytes),
		names: make([]unix.RawSockaddrInet4, datagrams), bytes: bytes,
	}
	for i := range r.messages {
		r.iovecs[i].Base = &r.buffers[i*bytes]
		r.iovecs[i].SetLen(bytes)
		header := &r.messages[i].header
		header.Iov, header.Iovlen = &r.iovecs[i], 1
		header.Name = (*byte)(unsafe.Pointer(&r.names[i])) //nolint:gosec // G103: as the call wants it
		header.Control = &r.control[i*controlBytes]
		r.reset(i)
	}
	return r
}

func (r *Receiver) reset(i int) {
	r.messages[i].header.Namelen = unix.SizeofSockaddrInet4
	r.messages[i].header.SetControllen(controlBytes)
}

// Len is how many datagrams it takes at a time.
func (r *Receiver) Len() int { return len(r.messages) }

// Receive takes what there is, at most as many as there is room for; without
// MSG_DONTWAIT among the flags it depends on the socket whether it waits.
// unix.EAGAIN = there is nothing.
func (r *Receiver) Receive(fd, flags int) (int, error) {
	return system(unix.SYS_RECVMMSG, uintptr(fd), pointer(&r.messages[0]), uintptr(len(r.messages)), uintptr(flags))
}

// Payload returns datagram i of the last Receive, and the size of those that
// it was joined of: its own when it was not. It is valid until Release.
func (r *Receiver) Payload(i int) (payload []byte, segment int) {
	m := &r.messages[i]
	payload = r.buffers[i*r.bytes : i*r.bytes+int(m.bytes)]
	control := r.control[i*controlBytes:]
	if m.header.Controllen >= unix.SizeofCmsghdr+4 &&
		binary.NativeEndian.Uint32(control[unix.SizeofCmsghdr-8:]) == unix.IPPROTO_UDP &&
		binary.NativeEndian.Uint32(control[unix.SizeofCmsghdr-4:]) == unix.UDP_GRO {
		return payload, int(binary.NativeEndian.Uint32(control[unix.SizeofCmsghdr:]))
	}
	return payload, len(payload)
}

// From returns who sent datagram i of the last Receive.
func (r *Receiver) From(i int) *unix.RawSockaddrInet4 { return &r.names[i] }

// Release makes room for the next n.
func (r *Receiver) Release(n int) {
	for i := range n {
		r.reset(i)
	}
}
