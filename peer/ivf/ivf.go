// Package ivf reads and writes IVF files, the simplest container for VP8, VP9 and AV1: a
// header of 32 bytes, and then frames, each with its size and its time.
//
// Pion's ivfreader allocates whatever size a frame's header states. A Reader refuses frames
// that are larger than MaxFrame.
package ivf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxFrame is the size of the largest frame that a Reader returns, in bytes.
const MaxFrame = 8 << 20

const (
	headerSize      = 32
	frameHeaderSize = 12
	lengthOffset    = 24
	// The time base of what a Writer writes is a millisecond.
	ticksPerSecond = 1000
)

// The codecs of IVF files.
const (
	VP8 FourCC = "VP80"
	VP9 FourCC = "VP90"
	AV1 FourCC = "AV01"
)

// FourCC names a codec.
type FourCC string

// Header is what the beginning of a file says.
type Header struct {
	Codec         FourCC
	Width, Height int
}

// Frame is one frame of a file.
type Frame struct {
	Data []byte
	Time time.Duration // since the beginning
}

// Errors of NewReader and Reader.Next.
var (
	ErrNotIVF   = errors.New("it does not begin with the header of an IVF file")
	ErrTooLarge = fmt.Errorf("a frame is larger than %d bytes", MaxFrame)
	errTimeBase = errors.New("the time base of the IVF file is 0")
	errTime     = errors.New("the time of a frame is too large")
)

// maxTicks keeps the times of frames within what a time.Duration can hold.
const maxTicks = 1 << 40

// Reader reads the frames of a file.
type Reader struct {
	Header Header

	in          io.Reader
	tick        float64 // seconds
	frameHeader [frameHeaderSize]byte
}

// NewReader reads the header.
func NewReader(in io.Reader) (*Reader, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrNotIVF
		}
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint16(h[6:]))
	if string(h[:4]) != "DKIF" || length < headerSize {
		return nil, ErrNotIVF
	}
	if _, err := io.CopyN(io.Discard, in, length-headerSize); err != nil {
		return nil, ErrNotIVF
	}
	rate, scale := binary.LittleEndian.Uint32(h[16:]), binary.LittleEndian.Uint32(h[20:])
	if rate == 0 || scale == 0 {
		return nil, errTimeBase
	}
	return &Reader{in: in, tick: float64(scale) / float64(rate), Header: Header{
		Codec: FourCC(h[8:12]), Width: int(binary.LittleEndian.Uint16(h[12:])), Height: int(binary.LittleEndian.Uint16(h[14:])),
	}}, nil
}

// Next returns the next frame, whose memory belongs to the caller. The error is io.EOF
// after the last one, and io.ErrUnexpectedEOF if the file is cut off within a frame.
func (r *Reader) Next() (Frame, error) {
	if _, err := io.ReadFull(r.in, r.frameHeader[:]); err != nil {
		return Frame{}, err
	}
	size, ticks := binary.LittleEndian.Uint32(r.frameHeader[:]), binary.LittleEndian.Uint64(r.frameHeader[4:])
	seconds := float64(ticks) * r.tick
	switch {
	case size > MaxFrame:
		return Frame{}, ErrTooLarge
	case ticks > maxTicks || seconds > time.Duration(1<<62).Seconds():
		return Frame{}, errTime
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r.in, data); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return Frame{Data: data, Time: time.Duration(seconds * float64(time.Second))}, nil
}

// Output is where a Writer writes; an *os.File is one.
type Output interface {
	io.Writer
	io.WriterAt
}

// Writer writes a file. What has been written can be read, even if nothing follows.
type Writer struct {
	out    Output
	buffer []byte
}

// NewWriter writes the header.
func NewWriter(out Output, h Header) (*Writer, error) {
	if len(h.Codec) != 4 {
		return nil, fmt.Errorf("%q is not the name of a codec", h.Codec)
	}
	b := make([]byte, headerSize)
	copy(b, "DKIF")
	binary.LittleEndian.PutUint16(b[6:], headerSize)
	copy(b[8:], h.Codec)
	binary.LittleEndian.PutUint16(b[12:], uint16(min(h.Width, 1<<16-1)))  //nolint:gosec // it is not negative
	binary.LittleEndian.PutUint16(b[14:], uint16(min(h.Height, 1<<16-1))) //nolint:gosec // it is not negative
	binary.LittleEndian.PutUint32(b[16:], ticksPerSecond)
	binary.LittleEndian.PutUint32(b[20:], 1)
	_, err := out.Write(b)
	return &Writer{out: out}, err
}

// Write appends a frame. Times must increase.
func (w *Writer) Write(f Frame) error {
	w.buffer = binary.LittleEndian.AppendUint32(w.buffer[:0], uint32(len(f.Data))) //nolint:gosec // a frame in memory
	w.buffer = binary.LittleEndian.AppendUint64(w.buffer, uint64(max(0, f.Time.Milliseconds())))
	w.buffer = append(w.buffer, f.Data...)
	_, err := w.out.Write(w.buffer)
	return err
}

// SetDuration says in the header how long the video is. Old programs take that field for
// the number of frames; FFmpeg reads and writes the duration there, in units of the time
// base.
func (w *Writer) SetDuration(d time.Duration) error {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(min(d.Milliseconds(), 1<<32-1))) //nolint:gosec // not negative
	_, err := w.out.WriteAt(b[:], lengthOffset)
	return err
}
