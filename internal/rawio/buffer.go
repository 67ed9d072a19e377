package rawio

import "sync"

// BufferSize is how many bytes a [Buffer] holds, and so what one read brings at most:
// many frames, which are then handled together.
const BufferSize = 16 << 10

// Buffer holds bytes that were read: Bytes[Start:End] have not been used yet.
type Buffer struct {
	Start, End int
	Bytes      []byte
}

var buffers = sync.Pool{New: func() any { return &Buffer{Bytes: make([]byte, BufferSize)} }} //nolint:gochecknoglobals // a pool serves all connections of the process

// NewBuffer returns an empty buffer of BufferSize bytes. The caller ends with Free.
func NewBuffer() *Buffer {
	return buffers.Get().(*Buffer) //nolint:forcetypeassert // nothing else is put there
}

// Free gives a buffer of NewBuffer back. Neither b nor its bytes may be used afterwards.
func (b *Buffer) Free() {
	b.Start, b.End = 0, 0
	buffers.Put(b)
}

// Unread returns the bytes that have not been used yet.
func (b *Buffer) Unread() []byte { return b.Bytes[b.Start:b.End] }

// Pool lends byte slices to all connections. Its zero value is of no use: set Size.
type Pool struct {
	Size int // capacity of a new slice, in bytes
	Max  int // capacity of the largest slice that is kept, in bytes

	free sync.Pool
}

// Get returns an empty slice. The caller ends with Put, or forgets it.
func (p *Pool) Get() *[]byte {
	if b, ok := p.free.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, p.Size)
	return &b
}

// Put gives back a slice that nobody uses any more; it may be nil, and may have grown.
func (p *Pool) Put(b *[]byte) {
	if b != nil && cap(*b) <= p.Max {
		*b = (*b)[:0]
		p.free.Put(b)
	}
}
