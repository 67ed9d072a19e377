package turnserver

import (
	"errors"
	"net"
	"sync"

	"callbox/internal/rawio"
	"callbox/turnserver/wire"
)

var (
	errFraming = errors.New("neither STUN nor ChannelData")
	errMemory  = errors.New("no memory for a message of this length")
)

// largeBuffer is the size of a buffer with room for every frame that there can be.
const largeBuffer = 66 << 10

var largeBuffers = sync.Pool{New: func() any { return &rawio.Buffer{Bytes: make([]byte, largeBuffer)} }} //nolint:gochecknoglobals // a pool serves all connections of the process

// freeBuffer gives back a buffer of either size.
func freeBuffer(b *rawio.Buffer) {
	if len(b.Bytes) != largeBuffer {
		b.Free()
		return
	}
	b.Start, b.End = 0, 0
	largeBuffers.Put(b)
}

// makeRoom returns a buffer with the unread bytes of b in which a frame of whole bytes
// can be read: a large one only when a small one is full, since a client can announce
// more than it ever sends.
func makeRoom(b *rawio.Buffer, whole int) *rawio.Buffer {
	if b.Start > 0 && (b.Start+whole > len(b.Bytes) || b.End == len(b.Bytes)) {
		b.End = copy(b.Bytes, b.Unread())
		b.Start = 0
	}
	if b.End < len(b.Bytes) {
		return b
	}
	large := largeBuffers.Get().(*rawio.Buffer) //nolint:forcetypeassert // nothing else is put there
	large.End = copy(large.Bytes, b.Unread())
	freeBuffer(b)
	return large
}

// frameReader reads the frames of RFC 8656 section 12.4 from a stream. It holds no buffer while
// it waits between two frames.
type frameReader struct {
	conn   net.Conn
	socket *rawio.Socket // conn; nil = conn is not a socket of the operating system
	begun  bool          // a STUN message has come
	buffer *rawio.Buffer
	whole  int // length of the frame that is not complete yet

	// charge takes n bytes from a budget of memory, or gives -n back when n is negative;
	// nil = large buffers are not charged.
	charge  func(n int) bool
	charged bool
}

// next returns the next frame that was read, without its padding, or nil when it is not
// complete. The frame is valid until the next fill or free.
func (f *frameReader) next() ([]byte, error) {
	b := f.buffer
	if b == nil {
		return nil, nil
	}
	have := b.Unread()
	f.whole = wire.ChannelHeaderLen
	if len(have) >= wire.ChannelHeaderLen {
		length, padding, ok := wire.FrameLength([4]byte(have))
		if !ok {
			return nil, errFraming
		}
		f.whole = length + padding
		if !f.begun || !wire.IsChannelData(have) {
			// A client begins with a STUN message. Anything else is another
			// protocol, or a stream that is out of sync.
			if f.whole = max(f.whole, wire.HeaderLen); len(have) >= wire.HeaderLen {
				if !wire.IsSTUN(have) {
					return nil, errFraming
				}
				f.begun = true
			}
		}
		if len(have) >= f.whole {
			b.Start += length + padding
			return have[:length:length], nil
		}
	}
	return nil, nil
}

// fill reads once. It must be called only after next has returned nil.
func (f *frameReader) fill() (err error) {
	switch b := f.buffer; {
	case b == nil:
	case b.Start == b.End:
		f.free()
	default:
		f.buffer = makeRoom(b, f.whole)
		if len(f.buffer.Bytes) == largeBuffer && !f.charged && f.charge != nil {
			if !f.charge(largeBuffer) {
				return errMemory
			}
			f.charged = true
		}
	}
	if f.socket != nil {
		f.buffer, err = f.socket.ReadBuffer(f.buffer)
	} else {
		f.buffer, err = rawio.ReadBuffer(f.conn, f.buffer)
	}
	return err
}

// free gives the buffer back.
func (f *frameReader) free() {
	if f.buffer != nil {
		freeBuffer(f.buffer)
		f.buffer = nil
	}
	if f.charged {
		f.charged = false
		f.charge(-largeBuffer)
	}
}
