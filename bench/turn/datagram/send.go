//go:build linux

package datagram

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxParts is the maximum number of parts of a datagram (UIO_MAXIOV is 1,024).
const maxParts = 128

// Sender collects datagrams and sends them with one system call. Only one goroutine may use
// it. It does not copy the parts of datagrams.
type Sender struct {
	messages []message
	iovecs   []unix.Iovec
	control  []byte
	names    []unix.RawSockaddrInet4
	begun    int // messages
	parts    int // iovecs
}

// NewSender returns a Sender for up to that many datagrams at a time.
func NewSender(datagrams int) *Sender {
	return &Sender{
		messages: make([]message, datagrams), iovecs: make([]unix.Iovec, datagrams*maxParts),
		control: make([]byte, datagrams*controlBytes), names: make([]unix.RawSockaddrInet4, datagrams),
	}
}

// Begin starts a datagram; nil = to the address to which the socket is connected.
func (s *Sender) Begin(to *unix.RawSockaddrInet4) {
	header := &s.messages[s.begun].header
	*header = unix.Msghdr{Iov: &s.iovecs[s.parts]}
	if to != nil {
		s.names[s.begun] = *to
		header.Name, header.Namelen = (*byte)(unsafe.Pointer(&s.names[s.begun])), unix.SizeofSockaddrInet4 //nolint:gosec // G103: for the system call
	}
	s.begun++
}

// Append appends a part to the last datagram.
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

// Split makes the kernel split the last datagram into datagrams of that many bytes
// (UDP_SEGMENT).
func (s *Sender) Split(bytes int) {
	at := s.begun - 1
	control := s.control[at*controlBytes : (at+1)*controlBytes]
	clear(control)
	header := (*unix.Cmsghdr)(unsafe.Pointer(&control[0])) //nolint:gosec // G103: for the system call
	header.Level, header.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	header.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(control[unix.SizeofCmsghdr:], uint16(bytes)) //nolint:gosec // G115: a datagram is not longer
	s.messages[at].header.Control = &control[0]
	s.messages[at].header.SetControllen(unix.CmsgSpace(2))
}

// Len returns how many datagrams were started.
func (s *Sender) Len() int { return s.begun }

// Parts returns how many parts the last datagram has.
func (s *Sender) Parts() int { return int(s.messages[s.begun-1].header.Iovlen) } //nolint:gosec // G115: few

// Send sends all collected datagrams, each once. It returns how many the kernel refused, and
// the error for the last of them.
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
