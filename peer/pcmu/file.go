package pcmu

import (
	"encoding/binary"
	"io"
	"time"
)

// silence is the code of the sample 0.
const silence = 0xff

// Output is where a File writes; an *os.File is one.
type Output interface {
	io.Writer
	io.WriterAt
}

// File writes an AU file, in which the length may be unknown: what has been written can be
// played, even if nothing follows.
type File struct {
	out     Output
	written int64 // samples
	buffer  []byte
}

// NewFile writes the header.
func NewFile(out Output) (*File, error) {
	const headerSize, unknown, encodingMuLaw, channels = 24, 0xffffffff, 1, 1
	var h []byte
	for _, n := range []uint32{0x2e736e64, headerSize, unknown, encodingMuLaw, SampleRate, channels} {
		h = binary.BigEndian.AppendUint32(h, n)
	}
	_, err := out.Write(h)
	return &File{out: out}, err
}

// Write appends samples that begin at a time since the first ones. What is missing before
// them becomes silence.
func (f *File) Write(samples []byte, at time.Duration) error {
	const tolerance = SampleRate / 100 // rounding, and the jitter of a sender's clock
	f.buffer = f.buffer[:0]
	if missing := int64(at*SampleRate/time.Second) - f.written; missing > tolerance {
		for range missing {
			f.buffer = append(f.buffer, silence)
		}
	}
	f.buffer = append(f.buffer, samples...)
	f.written += int64(len(f.buffer))
	_, err := f.out.Write(f.buffer)
	return err
}

// End says in the header how long the file is.
func (f *File) End() error {
	const lengthOffset = 8
	length := binary.BigEndian.AppendUint32(nil, uint32(min(f.written, 1<<32-1))) //nolint:gosec // not negative
	_, err := f.out.WriteAt(length, lengthOffset)
	return err
}
