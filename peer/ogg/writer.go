package ogg

import (
	"encoding/binary"
	"io"
)

// maxSegments is the number of segments of the longest page, 255 bytes each.
const maxSegments = 255

// granuleNone is the position of a page on which no packet ends.
const granuleNone = ^uint64(0)

// Writer writes a logical stream, a page for each packet: what has been written can be
// read, even if nothing follows.
type Writer struct {
	out    io.Writer
	serial uint32
	number uint32 // of the next page
	buffer []byte
}

// NewWriter returns a Writer of a stream, whose serial number should be random.
func NewWriter(out io.Writer, serial uint32) *Writer { return &Writer{out: out, serial: serial} }

// Write writes a packet. position is the granule position at its end, whose meaning depends
// on the codec.
func (w *Writer) Write(packet []byte, position uint64) error {
	w.buffer = w.buffer[:0]
	for continued := false; ; continued = true {
		segments := min(len(packet)/255+1, maxSegments)
		size := min(len(packet), 255*segments)
		ends := len(packet) < 255*segments
		at := granuleNone
		if ends {
			at = position
		}
		w.appendPage(packet[:size], segments, at, continued, false)
		packet = packet[size:]
		if ends {
			break
		}
	}
	_, err := w.out.Write(w.buffer)
	return err
}

// End ends the stream with a page that has no packet. position is that of the last packet.
func (w *Writer) End(position uint64) error {
	w.buffer = w.buffer[:0]
	w.appendPage(nil, 0, position, false, true)
	_, err := w.out.Write(w.buffer)
	return err
}

func (w *Writer) appendPage(part []byte, segments int, position uint64, continued, last bool) {
	const flagContinued = 1
	from := len(w.buffer)
	var flags byte
	if continued {
		flags |= flagContinued
	}
	if w.number == 0 {
		flags |= flagFirst
	}
	if last {
		flags |= flagLast
	}
	b := append(w.buffer, 'O', 'g', 'g', 'S', 0, flags)
	b = binary.LittleEndian.AppendUint64(b, position)
	b = binary.LittleEndian.AppendUint32(b, w.serial)
	b = binary.LittleEndian.AppendUint32(b, w.number)
	b = append(b, 0, 0, 0, 0, byte(segments)) //nolint:gosec // at most maxSegments
	for left := len(part); segments > 0; segments-- {
		b = append(b, byte(min(left, 255)))
		left -= min(left, 255)
	}
	b = append(b, part...)
	binary.LittleEndian.PutUint32(b[from+22:], checksum(0, b[from:]))
	w.buffer, w.number = b, w.number+1
}
