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
	maxGSOSegment = 1472
	// messagesAtOnce bounds the messages of one sendmmsg(2), and vectorsAtOnce their
	// pieces.
	messagesAtOnce = 64
	vectorsAtOnce  = 1024
	// maxRefused is how many batches in a row the kernel may refuse, each perhaps for its
	// length, before no more are tried.
	maxRefused = 8

	segmentControl = 24 // CMSG_SPACE of two bytes
)

// sender sends batches by sendmmsg(2).
type sender struct {
	stats      *counters
	maxSegment int // 0: the kernel does not split batches
	refused    int // batches in a row

	headers  [messagesAtOnce]mmsghdr
	batches  [messagesAtOnce]int32
	vectors  [vectorsAtOnce]unix.Iovec
	controls [messagesAtOnce][pktinfoBytes + segmentControl]byte
	padding  [4]byte
}

func (s *sender) init(stats *counters, offload bool) {
	s.stats = stats
	if offload {
		s.maxSegment = maxGSOSegment
	}
}

// hasGSO reports whether the kernel knows UDP_SEGMENT. One before 4.18 would take a batch for
// one long datagram.
var hasGSO = sync.OnceValue(func() bool { //nolint:gochecknoglobals // a function
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd) //nolint:errcheck // it was never used
	_, err = unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	return err == nil
})

// send sends the batches of a queue, starting with the one at index first, from fd.
func (s *sender) send(fd int, b *outbox, first int32) {
	if g := &b.batches[first]; g.next == none && g.count == 1 && s.sendSingle(fd, b, g) {
		return
	}
	messages, vectors := 0, 0
	for i := first; i != none; i = b.batches[i].next {
		g := &b.batches[i]
		if messages == messagesAtOnce || vectors+3*g.count > vectorsAtOnce {
			s.sendMessages(fd, b, messages)
			messages, vectors = 0, 0
		}
		s.batches[messages] = i
		vectors += s.buildMessage(messages, vectors, b, g)
		messages++
	}
	s.sendMessages(fd, b, messages)
}

// sendSingle sends a datagram that is contiguous in memory with the cheapest system call. It
// returns false when the datagram is not.
func (s *sender) sendSingle(fd int, b *outbox, g *gsoBatch) bool {
	p := &b.datagrams[g.first]
	whole, ok := joined(p.head, p.body)
	if !ok || p.padding > 0 || g.to.name.controlLen > 0 {
		return false
	}
	s.stats.drop(dropOfErrno(sendTo(fd, whole, &g.to.name)))
	return true
}

// buildMessage builds the message of a batch, with the vectors from index vector on, and
// returns how many it used.
func (s *sender) buildMessage(message, vector int, b *outbox, g *gsoBatch) int {
	h := &s.headers[message].header
	h.Name, h.Namelen = &g.to.name.raw[0], uint32(g.to.name.rawLen)
	n := s.fillVectors(vector, b, g.first, g.count)
	h.Iov = &s.vectors[vector]
	h.SetIovlen(n)
	control := &s.controls[message]
	length := copy(control[:], g.to.name.control[:g.to.name.controlLen])
	if g.count > 1 {
		length += putSegment(control[length:], g.segment)
	}
	h.Control = &control[0]
	h.SetControllen(length)
	return n
}

// fillVectors fills vectors with count datagrams, from the given ones on, and returns how
// many it took: what is adjacent in memory needs only one.
func (s *sender) fillVectors(vector int, b *outbox, next int32, count int) int {
	var tail []byte // of the last vector
	n := 0
	for range count {
		p := &b.datagrams[next]
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
		next = p.next
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
	binary.NativeEndian.PutUint16(b[dataAt:], uint16(length)) //nolint:gosec // at most maxGSOSegment
	return unix.CmsgSpace(2)
}

// sendMessages sends the first n messages. One that fails is skipped.
func (s *sender) sendMessages(fd int, b *outbox, n int) {
	for sent := 0; sent < n; {
		done, errno := sendMany(fd, s.headers[sent:n])
		if errno != 0 || done <= 0 {
			s.failed(fd, b, &b.batches[s.batches[sent]], errno)
			done = 1
		} else {
			for _, i := range s.batches[sent : sent+done] {
				if g := &b.batches[i]; g.count > 1 {
					s.refused = 0
					s.stats.segmented.Add(uint64(g.count))
				}
			}
		}
		sent += done
	}
}

// failed handles a batch that the kernel did not take: one that it could not split is sent
// datagram by datagram, every other is dropped.
func (s *sender) failed(fd int, b *outbox, g *gsoBatch, errno syscall.Errno) {
	if g.count == 1 || !s.cannotSplit(errno, g.segment) {
		for range g.count {
			s.stats.drop(dropOfErrno(errno))
		}
		return
	}
	// It needs a message of its own: those that follow are built already.
	var o outgoing
	next := g.first
	for range g.count {
		p := &b.datagrams[next]
		s.stats.drop(dropOfErrno(sendOne(fd, o.message(&g.to, p.head, p.body, p.padding))))
		next = p.next
	}
}

// cannotSplit reports whether an error is about splitting, and remembers it. A device or
// kernel that cannot split is not asked again. A batch whose length was wrong for its path
// says nothing about others, but many in a row do.
func (s *sender) cannotSplit(errno syscall.Errno, segment int) bool {
	const passesEverywhere = 1232 // what IPv6 asks of every link (RFC 8200 section 5), without headers
	switch errno {
	case unix.EIO, unix.ENOPROTOOPT, unix.EOPNOTSUPP:
		s.maxSegment = 0
		return true
	case unix.EINVAL:
		if segment <= passesEverywhere {
			s.refused++
		}
		if s.refused >= maxRefused {
			s.maxSegment = 0
		}
		return true
	case unix.EMSGSIZE:
		return true
	default:
		return false
	}
}
