//go:build linux

package datagram

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Receiver has the buffers for one system call. Only one goroutine may use it.
type Receiver struct {
	messages []message
	iovecs   []unix.Iovec
	buffers  []byte
	control  []byte
	names    []unix.RawSockaddrInet4
	bytes    int // size of a buffer
}

// NewReceiver returns a Receiver for that many datagrams, or coalesced datagrams, at a time,
// of at most that many bytes each.
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
		header.Name = (*byte)(unsafe.Pointer(&r.names[i])) //nolint:gosec // G103: for the system call
		header.Control = &r.control[i*controlBytes]
		r.reset(i)
	}
	return r
}

func (r *Receiver) reset(i int) {
	r.messages[i].header.Namelen = unix.SizeofSockaddrInet4
	r.messages[i].header.SetControllen(controlBytes)
}

// Len returns how many datagrams it can receive at a time.
func (r *Receiver) Len() int { return len(r.messages) }

// Receive receives up to Len datagrams, and returns how many. It returns unix.EAGAIN if there
// is none. On a blocking socket it waits for one, unless flags contain MSG_DONTWAIT.
func (r *Receiver) Receive(fd, flags int) (int, error) {
	return system(unix.SYS_RECVMMSG, uintptr(fd), pointer(&r.messages[0]), uintptr(len(r.messages)), uintptr(flags))
}

// Payload returns datagram i of the last Receive. If the kernel has coalesced it, segment is
// the size of the original datagrams, otherwise its own. It is valid until Release.
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

// From returns the source address of datagram i of the last Receive.
func (r *Receiver) From(i int) *unix.RawSockaddrInet4 { return &r.names[i] }

// Release makes the first n buffers free for the next Receive.
func (r *Receiver) Release(n int) {
	for i := range n {
		r.reset(i)
	}
}
