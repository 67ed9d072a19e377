package webm

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"
)

// MaxBlock is the size of the largest block that a Reader returns, in bytes.
const MaxBlock = 8 << 20

const (
	maxTracks  = 64
	maxPrivate = 64 << 10
	maxName    = 64
	maxDepth   = 8 // of elements in each other
)

// Elements that a Reader knows (RFC 9559, section 5.1). All others are skipped.
const (
	idEBML        = 0x1a45dfa3
	idSegment     = 0x18538067
	idInfo        = 0x1549a966
	idScale       = 0x2ad7b1
	idTracks      = 0x1654ae6b
	idTrackEntry  = 0xae
	idTrackNumber = 0xd7
	idCodecID     = 0x86
	idPrivate     = 0x63a2
	idEncodings   = 0x6d80
	idVideo       = 0xe0
	idWidth       = 0xb0
	idHeight      = 0xba
	idCluster     = 0x1f43b675
	idTimestamp   = 0xe7
	idSimpleBlock = 0xa3
	idBlockGroup  = 0xa0
	idBlock       = 0xa1
)

// Errors of NewReader and Reader.Next.
var (
	ErrNotWebM   = errors.New("it does not begin with an EBML header")
	ErrTooLarge  = fmt.Errorf("a block is larger than %d bytes", MaxBlock)
	errMalformed = errors.New("an element of the WebM file is malformed")
	errTracks    = errors.New("the WebM file has no tracks before its first cluster")
	errTooMany   = errors.New("the WebM file has too many tracks")
	errLacing    = errors.New("the WebM file has several frames in a block (lacing), which is not supported")
	errEncoded   = errors.New("a track of the WebM file is compressed or encrypted")
)

// unknown is the size of an element that ends where its parent ends, or with the first
// element that cannot be in it.
const unknown = math.MaxInt64

// Reader reads the blocks of a file, in their order. It does not need to seek, and keeps
// one block in memory. It must not be used concurrently.
type Reader struct {
	in      *bufio.Reader
	offset  int64
	open    []element // those that have been entered, the outermost first
	scale   time.Duration
	cluster time.Duration // time of the current one
	tracks  []Track
	numbers []uint64 // of tracks
	begun   bool     // there was a cluster
}

// element is one that was entered.
type element struct {
	id  uint64
	end int64 // offset; unknown = not known
}

// NewReader reads everything before the first cluster.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReader(in), scale: time.Millisecond}
	id, size, err := r.header()
	if err != nil || id != idEBML || size > maxPrivate {
		return nil, ErrNotWebM
	}
	if err := r.skip(size); err != nil {
		return nil, ErrNotWebM
	}
	for !r.begun {
		if _, _, err := r.step(); err != nil {
			return nil, noTracks(err)
		}
	}
	if len(r.tracks) == 0 {
		return nil, errTracks
	}
	return r, nil
}

func noTracks(err error) error {
	if errors.Is(err, io.EOF) {
		return errTracks
	}
	return err
}

// Tracks returns the tracks. The caller must not change them.
func (r *Reader) Tracks() []Track { return r.tracks }

// Next returns the next block, whose memory belongs to the caller. The error is io.EOF at the
// end, and io.ErrUnexpectedEOF if the file is cut off within an element.
func (r *Reader) Next() (Block, error) {
	for {
		block, ok, err := r.step()
		if err != nil || ok {
			return block, err
		}
	}
}

// step reads one element. ok is true if it is a block.
func (r *Reader) step() (b Block, ok bool, err error) {
	r.leave()
	id, size, err := r.header()
	if err != nil {
		return b, false, err
	}
	r.leaveFor(id)
	if size != unknown && size > r.left() {
		return b, false, errMalformed
	}
	switch id {
	case idSegment, idInfo, idTracks, idTrackEntry, idVideo, idCluster, idBlockGroup:
		return b, false, r.enter(id, size)
	case idSimpleBlock, idBlock:
		return r.block(id, size)
	case idEncodings:
		return b, false, errEncoded
	case idScale, idTrackNumber, idWidth, idHeight, idTimestamp:
		return b, false, r.number(id, size)
	case idCodecID, idPrivate:
		return b, false, r.text(id, size)
	default:
		return b, false, r.skip(size)
	}
}

// leave leaves the elements that end here.
func (r *Reader) leave() {
	for len(r.open) > 0 && r.offset >= r.open[len(r.open)-1].end {
		r.open = r.open[:len(r.open)-1]
	}
}

// leaveFor leaves the elements of unknown size that another element ends: a segment ends with
// a segment, and a cluster with what is beside it.
func (r *Reader) leaveFor(id uint64) {
	for len(r.open) > 0 {
		inner := r.open[len(r.open)-1]
		ends := inner.end == unknown && (id == idSegment || id == idEBML ||
			inner.id == idCluster && id != idTimestamp && id != idSimpleBlock && id != idBlockGroup && isTop(id))
		if !ends {
			return
		}
		r.open = r.open[:len(r.open)-1]
	}
}

// isTop reports whether an element is directly in a segment: then its ID has four bytes.
func isTop(id uint64) bool { return id > 0xffffff }

// left returns how many bytes the innermost element of known size still has.
func (r *Reader) left() int64 {
	for i := len(r.open) - 1; i >= 0; i-- {
		if r.open[i].end != unknown {
			return r.open[i].end - r.offset
		}
	}
	return unknown
}

func (r *Reader) enter(id uint64, size int64) error {
	end := int64(unknown)
	if size != unknown {
		end = r.offset + size
	} else if id != idSegment && id != idCluster {
		return errMalformed
	}
	switch id {
	case idTrackEntry:
		if len(r.tracks) == maxTracks {
			return errTooMany
		}
		r.tracks, r.numbers = append(r.tracks, Track{}), append(r.numbers, 0)
	case idCluster:
		r.begun, r.cluster = true, 0
	}
	if len(r.open) == maxDepth {
		return errMalformed
	}
	r.open = append(r.open, element{id, end})
	return nil
}

// number reads an unsigned integer.
func (r *Reader) number(id uint64, size int64) error {
	if size > 8 {
		return errMalformed
	}
	var b [8]byte
	if err := r.read(b[8-size:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint64(b[:])
	last := len(r.tracks) - 1
	switch {
	case id == idScale:
		if n == 0 || n > uint64(time.Second) {
			return errMalformed
		}
		r.scale = time.Duration(n)
	case id == idTimestamp:
		if n > uint64(math.MaxInt64/4/r.scale) { //nolint:gosec // positive
			return errMalformed
		}
		r.cluster = time.Duration(n) * r.scale //nolint:gosec // checked
	case last < 0 || r.begun:
	case id == idTrackNumber:
		r.numbers[last] = n
	case id == idWidth:
		r.tracks[last].Width = int(min(n, 1<<16-1))
	case id == idHeight:
		r.tracks[last].Height = int(min(n, 1<<16-1))
	}
	return nil
}

// text reads what describes a codec.
func (r *Reader) text(id uint64, size int64) error {
	if size > maxPrivate || id == idCodecID && size > maxName {
		return errMalformed
	}
	b := make([]byte, size)
	if err := r.read(b); err != nil {
		return err
	}
	last := len(r.tracks) - 1
	switch {
	case last < 0 || r.begun:
	case id == idCodecID:
		r.tracks[last].Codec = string(b)
	default:
		r.tracks[last].Private = b
	}
	return nil
}

// block reads a block; ok is false if it is of no known track.
func (r *Reader) block(id uint64, size int64) (b Block, ok bool, err error) {
	if size > MaxBlock {
		return b, false, ErrTooLarge
	}
	from := r.offset
	number, _, err := r.variable(true)
	if err != nil {
		return b, false, err
	}
	var h [3]byte
	if err := r.read(h[:]); err != nil {
		return b, false, err
	}
	left := size - (r.offset - from)
	const lacing, keyFrame = 0x06, 0x80
	switch {
	case left < 0:
		return b, false, errMalformed
	case h[2]&lacing != 0:
		return b, false, errLacing
	}
	b.Track = -1
	for i, n := range r.numbers {
		if n == number {
			b.Track = i
		}
	}
	if b.Track < 0 {
		return b, false, r.skip(left)
	}
	relative := int16(binary.BigEndian.Uint16(h[:])) //nolint:gosec // it is signed, RFC 9559 section 10.1
	b.Time = max(0, r.cluster+time.Duration(relative)*r.scale)
	b.KeyFrame = id == idSimpleBlock && h[2]&keyFrame != 0
	b.Data = make([]byte, left)
	return b, true, r.read(b.Data)
}

// header reads the ID and the size of an element.
func (r *Reader) header() (id uint64, size int64, err error) {
	if _, err := r.in.Peek(1); errors.Is(err, io.EOF) {
		return 0, 0, io.EOF
	}
	id, _, err = r.variable(false)
	if err != nil {
		return 0, 0, err
	}
	n, all, err := r.variable(true)
	switch {
	case err != nil:
		return 0, 0, err
	case all:
		return id, unknown, nil
	default:
		return id, int64(n), nil //nolint:gosec // it has 56 bits
	}
}

// variable reads an integer of variable length (RFC 8794, section 4), with or without its
// length marker. all is true if all bits after the marker are set.
func (r *Reader) variable(withoutMarker bool) (n uint64, all bool, err error) {
	var b [8]byte
	if err := r.read(b[:1]); err != nil {
		return 0, false, err
	}
	length := bits.LeadingZeros8(b[0]) + 1
	if length > 8 || !withoutMarker && length > 4 {
		return 0, false, errMalformed
	}
	if err := r.read(b[1:length]); err != nil {
		return 0, false, err
	}
	for _, c := range b[:length] {
		n = n<<8 | uint64(c)
	}
	values := uint64(1)<<(7*length) - 1
	if withoutMarker {
		n &= values
	}
	return n, n&values == values, nil
}

// read fills b.
func (r *Reader) read(b []byte) error {
	n, err := io.ReadFull(r.in, b)
	r.offset += int64(n)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *Reader) skip(size int64) error {
	if size == unknown {
		return errMalformed
	}
	n, err := io.CopyN(io.Discard, r.in, size)
	r.offset += n
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
