//go:build linux

package datagram

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxParts is how many parts a datagram has at most (UIO_MAXIOV is 1,024).
const maxParts = 128

// Sender gathers datagrams and sends them in one system call. It belongs to
// one goroutine. The parts are not copied.
type Sender struct {
	messages []message
	iovecs   []unix.Iovec
	control  []byte
	names    []unix.RawSockaddrInet4
	begun    int // messages
	parts    int // iovecs
}

// NewSender takes at most so many datagrams at a time.
func NewSender(datagrams int) *Sender {
	return &Sender{
		messages: make([]message, datagrams), iovecs: make([]unix.Iovec, datagrams*maxParts),
		control: make([]byte, datagrams*controlBytes), names: make([]unix.RawSockaddrInet4, datagrams),
	}
}

// Begin begins a datagram; nil is whoever the socket is connected to.
func (s *Sender) Begin(to *unix.RawSockaddrInet4) {
	header := &s.messages[s.begun].header
	*header = unix.Msghdr{Iov: &s.iovecs[s.parts]}
	if to != nil {
		s.names[s.begun] = *to
		header.Name, header.Namelen = (*byte)(unsafe.Pointer(&s.names[s.begun])), unix.SizeofSockaddrInet4 //nolint:gosec // G103: as the call wants it
	}
	s.begun++
}

// Append adds a part to the datagram that was begun last.
func (s *Sender) Append(part []byte) {
	if len(part) == 0 {
		return
	}
	v := &s.iovecs[s.parts]
	v.Base = &part[0]
	v.SetLen(len(part))
	s.messages[s.begun-1].header.Iovlen++
	s.parts++
}

// Split has the kernel split the datagram that was begun last into such of so
// many bytes (UDP_SEGMENT).
func (s *Sender) Split(bytes int) {
	at := s.begun - 1
	control := s.control[at*controlBytes : (at+1)*controlBytes]
	clear(control)
	header := (*unix.Cmsghdr)(unsafe.Pointer(&control[0])) //nolint:gosec // G103: as the call wants it
	header.Level, header.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	header.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(control[unix.SizeofCmsghdr:], uint16(bytes)) //nolint:gosec // G115: a datagram is not longer
	s.messages[at].header.Control = &control[0]
	s.messages[at].header.SetControllen(unix.CmsgSpace(2))
}

// Len is how many datagrams were begun.
func (s *Sender) Len() int { return s.begun }

// Parts is how many parts the datagram that was begun last has.
func (s *Sender) Parts() int { return int(s.messages[s.begun-1].header.Iovlen) } //nolint:gosec // G115: few

// Send sends everything that was gathered, each datagram once. It returns how
// many the kernel did not take, and why it refused the last of them.
func (s *Sender) Send(fd int) (refused int, fault error) {
	for from := 0; from < s.begun; {
		n, err := system(unix.SYS_SENDMMSG, uintptr(fd), pointer(&s.messages[from]), uintptr(s.begun-from), 0)
		if err != nil {
			refused, fault = refused+1, err
			n = 1
		}
		from += n
	}
	s.begun, s.parts = 0, 0
	return refused, fault
}
