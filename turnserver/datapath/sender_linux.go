package datapath

import (
	"encoding/binary"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// maxGSOSegment is the length of the longest datagrams of a batch. Longer ones do not
	// pass everywhere without fragmentation, and the kernel does not fragment batches.
	longestSegment = 1472
	// messagesAtOnce bounds the messages of one sendmmsg(2), and vectorsAtOnce their
	// pieces.
	messagesAtOnce = 64
	vectorsAtOnce  = 1024
	// maxRefused is how many batches in a row the kernel may refuse, each perhaps for its
	// length, before no more are tried.
	refusals = 8

	segmentControl = 24 // CMSG_SPACE of two bytes
)

// sender sends batches by sendmmsg(2).
type sender struct {
	stats      *counters
	maxSegment int // 0: the kernel does not split batches
	refused    int // batches in a row

	headers  [messagesAtOnce]mmsghdr
	runs     [messagesAtOnce]int32
	vectors  [vectorsAtOnce]unix.Iovec
	controls [messagesAtOnce][pktinfoBytes + segmentControl]byte
	padding  [4]byte
}

func (s *sender) init(stats *counters, offload bool) {
	s.stats = stats
	if offload {
		s.maxSegment = longestSegment
	}
}

// hasGSO reports whether the kernel knows UDP_SEGMENT. One before 4.18 would take a batch for
// one long datagram.
var splits = sync.OnceValue(func() bool { //nolint:gochecknoglobals // a function
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd) //nolint:errcheck // it was never used
	_, err = unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	return err == nil
})

// send sends the batches of a queue, of which first is the first, from fd.
func (s *sender) send(fd int, b *outbox, first int32) {
	if r := &b.runs[first]; r.next == none && r.count == 1 && s.single(fd, b, r) {
		return
	}
	messages, vectors := 0, 0
	for i := first; i != none; i = b.runs[i].next {
		r := &b.runs[i]
		if messages == messagesAtOnce || vectors+3*r.count > vectorsAtOnce {
			s.hand(fd, b, messages)
			messages, vectors = 0, 0
		}
		s.runs[messages] = i
		vectors += s.build(messages, vectors, b, r)
		messages++
	}
	s.hand(fd, b, messages)
}

// sendSingle sends a datagram that is contiguous in memory with the cheapest system call. It
// returns false when the datagram is not.
func (s *sender) single(fd int, b *outbox, r *run) bool {
	part := &b.parts[r.first]
	p, ok := joined(part.head, part.body)
	if !ok || part.padding > 0 || r.to.name.controlLen > 0 {
		return false
	}
	s.stats.drop(dropOfErrno(sendTo(fd, p, &r.to.name)))
	return true
}

// build makes the message of a batch, with vectors from the given one on, and returns how
// many it took.
func (s *sender) build(message, vector int, b *outbox, r *run) int {
	h := &s.headers[message].header
	h.Name, h.Namelen = &r.to.name.raw[0], uint32(r.to.name.rawLen)
	n := s.gather(vector, b, r.first, r.count)
	h.Iov = &s.vectors[vector]
	h.SetIovlen(n)
	control := &s.controls[message]
	length := copy(control[:], r.to.name.control[:r.to.name.controlLen])
	if r.count > 1 {
		length += putSegment(control[length:], r.segment)
	}
	h.Control = &control[0]
	h.SetControllen(length)
	return n
}

// fillVectors fills vectors with count datagrams, from the given ones on, and returns how
// many it took: what is adjacent in memory needs only one.
func (s *sender) gather(vector int, b *outbox, part int32, count int) int {
	var tail []byte // of the last vector
	n := 0
	for range count {
		p := &b.parts[part]
		for _, piece := range [3][]byte{p.head, p.body, s.padding[:p.padding]} {
			if len(piece) == 0 {
				continue
			}
			if whole, ok := joined(tail, piece); ok && len(tail) > 0 {
				tail = whole
			} else {
				tail = piece
				s.vectors[vector+n].Base = &piece[0]
				n++
			}
			s.vectors[vector+n-1].SetLen(len(tail))
		}
		part = p.next
	}
	return n
}

// putSegment writes the control message with the length of the datagrams of a batch.
func putSegment(b []byte, length int) int {
	clear(b[:segmentControl])
	const levelAt, dataAt = unix.SizeofCmsghdr - 8, unix.SizeofCmsghdr
	if levelAt == wordBytes && wordBytes == 8 {
		binary.NativeEndian.PutUint64(b, dataAt+2)
	} else {
		binary.NativeEndian.PutUint32(b, dataAt+2)
	}
	binary.NativeEndian.PutUint32(b[levelAt:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(b[levelAt+4:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(b[dataAt:], uint16(length)) //nolint:gosec // at most longestSegment
	return unix.CmsgSpace(2)
}

// sendMessages sends the first n messages. One that fails is skipped.
func (s *sender) hand(fd int, b *outbox, n int) {
	for sent := 0; sent < n; {
		done, errno := sendMany(fd, s.headers[sent:n])
		if errno != 0 || done <= 0 {
			s.failed(fd, b, &b.runs[s.runs[sent]], errno)
			done = 1
		} else {
			for _, i := range s.runs[sent : sent+done] {
				if r := &b.runs[i]; r.count > 1 {
					s.refused = 0
					s.stats.segmented.Add(uint64(r.count))
				}
			}
		}
		sent += done
	}
}

// failed handles a batch that the kernel did not take: one that it could not split is sent
// datagram by datagram, every other is dropped.
func (s *sender) failed(fd int, b *outbox, r *run, errno syscall.Errno) {
	if r.count == 1 || !s.doubt(errno, r.segment) {
		for range r.count {
			s.stats.drop(dropOfErrno(errno))
		}
		return
	}
	// It needs a message of its own: those that follow are built already.
	var o outgoing
	part := r.first
	for range r.count {
		p := &b.parts[part]
		s.stats.drop(dropOfErrno(sendOne(fd, o.message(&r.to, p.head, p.body, p.padding))))
		part = p.next
	}
}

// cannotSplit reports whether an error is about splitting, and remembers it. A device or
// kernel that cannot split is not asked again. A batch whose length was wrong for its path
// says nothing about others, but many in a row do.
func (s *sender) doubt(errno syscall.Errno, segment int) bool {
	const passesEverywhere = 1232 // what IPv6 asks of every link (RFC 8200 section 5), without headers
	switch errno {
	case unix.EIO, unix.ENOPROTOOPT, unix.EOPNOTSUPP:
		s.maxSegment = 0
		return true
	case unix.EINVAL:
		if segment <= passesEverywhere {
			s.refused++
		}
		if s.refused >= refusals {
			s.maxSegment = 0
		}
		return true
	case unix.EMSGSIZE:
		return true
	default:
		return false
	}
}
