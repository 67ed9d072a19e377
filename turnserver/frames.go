package turnserver

import (
	"errors"
	"net"
	"sync"

	"callbox/turnserver/wire"
)

var (
	errFraming = errors.New("neither STUN nor ChannelData")
	errMemory  = errors.New("no memory for a message of this length")
)

const (
	// smallBuffer is what one read of a stream takes: many frames of media.
	smallBuffer = 16 << 10
	// largeBuffer has room for every frame that there can be.
	largeBuffer = 66 << 10
)

// streamBuffer holds what was read and not yet taken: bytes[start:end].
type streamBuffer struct {
	start, end int
	bytes      []byte
}

var (
	smallBuffers = sync.Pool{New: func() any { return &streamBuffer{bytes: make([]byte, smallBuffer)} }} //nolint:gochecknoglobals // a cache
	largeBuffers = sync.Pool{New: func() any { return &streamBuffer{bytes: make([]byte, largeBuffer)} }} //nolint:gochecknoglobals // a cache
)

func newStreamBuffer() *streamBuffer {
	return smallBuffers.Get().(*streamBuffer) //nolint:forcetypeassert // nothing else is put there
}

func (b *streamBuffer) free() {
	b.start, b.end = 0, 0
	if len(b.bytes) == largeBuffer {
		largeBuffers.Put(b)
	} else {
		smallBuffers.Put(b)
	}
}

// makeRoom returns a buffer with the same contents in which something of whole
// bytes from start on can be read: a large one only when a small one is full,
// since a client can announce more than it ever sends.
func (b *streamBuffer) makeRoom(whole int) *streamBuffer {
	if b.start > 0 && (b.start+whole > len(b.bytes) || b.end == len(b.bytes)) {
		b.end = copy(b.bytes, b.bytes[b.start:b.end])
		b.start = 0
	}
	if b.end < len(b.bytes) {
		return b
	}
	large := largeBuffers.Get().(*streamBuffer) //nolint:forcetypeassert // nothing else is put there
	large.end = copy(large.bytes, b.bytes[b.start:b.end])
	b.free()
	return large
}

// frameReader takes the frames of RFC 8656 section 12.4 out of a stream. While it
// waits between two frames it holds no buffer.
type frameReader struct {
	waiter waiter
	begun  bool // a STUN message has come
	buffer *streamBuffer
	whole  int // bytes of the frame that is not all there

	// charge is asked before a large buffer is held, and told after; nil = nobody.
	charge  func(n int) bool
	charged bool
}

func newFrameReader(conn net.Conn) frameReader { return frameReader{waiter: newWaiter(conn)} }

// next returns a frame that was read, without its padding, or nil when it is not
// all there. It is good until the next fill or free.
func (f *frameReader) next() ([]byte, error) {
	b := f.buffer
	if b == nil {
		return nil, nil
	}
	have := b.bytes[b.start:b.end]
	f.whole = wire.ChannelHeaderLen
	if len(have) >= wire.ChannelHeaderLen {
		length, padding, ok := wire.FrameLength([4]byte(have))
		if !ok {
			return nil, errFraming
		}
		f.whole = length + padding
		if !f.begun || !wire.IsChannelData(have) {
			// A client begins with a STUN message; anything else is another
			// protocol at the wrong door, or a stream out of step.
			if f.whole = max(f.whole, wire.HeaderLen); len(have) >= wire.HeaderLen {
				if !wire.IsSTUN(have) {
					return nil, errFraming
				}
				f.begun = true
			}
		}
		if len(have) >= f.whole {
			b.start += length + padding
			return have[:length:length], nil
		}
	}
	return nil, nil
}

// fill reads more, as much as one read brings. It comes after a next that has
// returned nil.
func (f *frameReader) fill() (err error) {
	switch b := f.buffer; {
	case b == nil:
	case b.start == b.end:
		f.free()
	default:
		f.buffer = b.makeRoom(f.whole)
		if len(f.buffer.bytes) == largeBuffer && !f.charged && f.charge != nil {
			if !f.charge(largeBuffer) {
				return errMemory
			}
			f.charged = true
		}
	}
	f.buffer, err = f.waiter.read(f.buffer)
	return err
}

// free gives the buffer back. Nothing is read afterwards.
func (f *frameReader) free() {
	if f.buffer != nil {
		f.buffer.free()
		f.buffer = nil
	}
	if f.charged {
		f.charged = false
		f.charge(-largeBuffer)
	}
}
