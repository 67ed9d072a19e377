package impair

import (
	"math/rand/v2"
	"time"
)

// maxStreams is how many streams are told apart. Further ones count as Other.
const maxStreams = 64

// Counts is what became of the datagrams of a stream; over TCP, of the writes. Every one,
// and every copy, is in the end lost, dropped, delivered or failed.
type Counts struct {
	Packets    int64 // that were to be sent
	Bytes      int64 // of these
	Lost       int64
	Dropped    int64 // because of the rate, or because too much was queued
	Duplicated int64
	Reordered  int64 // overtaken by the next one
	Resent     int64 // over TCP: arrived ResendTime late, because the network lost the first
	Delivered  int64 // to the network, with copies
	Failed     int64 // the network did not accept them
}

// Stream is what Net counted of one stream.
type Stream struct {
	Kind        Kind
	SSRC        uint32 // of RTP
	PayloadType uint8  // of RTP
	Counts
}

// stream decides about the datagrams of a stream and counts them.
type stream struct {
	Stream
	random *rand.Rand
	held   *packet // waits for the next one to overtake it; nil = none
}

// newStream returns a stream whose decisions depend on the seed, on the kind and the
// payload type, and on how many such streams there were before.
func newStream(h header, seed uint64, before int) *stream {
	name := uint64(before)<<8 | uint64(h.payloadType) //nolint:gosec // at most maxStreams
	for _, c := range []byte(h.kind) {
		name = name*31 + uint64(c)
	}
	return &stream{
		Stream: Stream{Kind: h.kind, SSRC: h.ssrc, PayloadType: h.payloadType},
		random: rand.New(rand.NewPCG(seed, name)), //nolint:gosec // it must be possible to repeat a run
	}
}

// fate is the decision about one datagram.
type fate struct {
	lost, duplicated, overtaken bool
	wait                        time.Duration
}

// decide decides about the next datagram. It always draws four numbers, so that the
// settings do not affect each other.
func (s *stream) decide(c *Config) fate {
	lost, duplicated, overtaken := s.random.Float64() < c.Loss, s.random.Float64() < c.Duplicate, s.random.Float64() < c.Reorder
	f := fate{wait: c.Delay + time.Duration(s.random.Float64()*float64(c.Jitter))}
	switch {
	case lost:
		f.lost = true
	case duplicated:
		f.duplicated = true
	default:
		f.overtaken = overtaken
	}
	return f
}

// overTCP returns what a fate means over TCP.
func (s *stream) overTCP(f fate) fate {
	if f.lost {
		s.Resent++
		f.wait += ResendTime
	}
	return fate{wait: f.wait}
}
