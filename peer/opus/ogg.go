package opus

import (
	"encoding/binary"
	"io"
	"time"

	"callbox/peer/ogg"
)

// SampleRate is that of Ogg positions and RTP timestamps, whatever is encoded.
const SampleRate = 48000

// preSkip is how many samples at the beginning a player drops, because an encoder is so
// late.
const preSkip = 312

// channels is what a header states. A packet may have one channel all the same.
const channels = 2

// Head returns the identification header of a stream (RFC 7845, section 5.1).
func Head() []byte {
	b := append([]byte("OpusHead"), 1, channels)
	b = binary.LittleEndian.AppendUint16(b, preSkip)
	b = binary.LittleEndian.AppendUint32(b, SampleRate)
	return append(b, 0, 0, 0) // gain, mapping family
}

// OggWriter writes an Ogg Opus file (RFC 7845). What has been written can be played, even
// if nothing follows.
type OggWriter struct {
	pages    *ogg.Writer
	position time.Duration
}

// NewOggWriter writes the headers. The serial number should be random.
func NewOggWriter(out io.Writer, serial uint32) (*OggWriter, error) {
	w := &OggWriter{pages: ogg.NewWriter(out, serial)}
	if err := w.pages.Write(Head(), 0); err != nil {
		return nil, err
	}
	const vendor = "callbox"
	tags := binary.LittleEndian.AppendUint32([]byte("OpusTags"), uint32(len(vendor)))
	tags = append(tags, vendor...)
	return w, w.pages.Write(append(tags, 0, 0, 0, 0), 0)
}

// Write writes a packet that begins at a time since the first one. What is missing before
// it becomes silence. A packet that is not Opus is an error, and is not written.
func (w *OggWriter) Write(packet []byte, at time.Duration) error {
	length, err := Duration(packet)
	if err != nil {
		return err
	}
	for n := 0; at-w.position > FrameTime/2; n++ {
		silence := Silence()
		if err := w.append(silence[n%len(silence)], FrameTime); err != nil {
			return err
		}
	}
	return w.append(packet, length)
}

func (w *OggWriter) append(packet []byte, length time.Duration) error {
	w.position += length
	return w.pages.Write(packet, w.granule())
}

// End ends the stream.
func (w *OggWriter) End() error { return w.pages.End(w.granule()) }

func (w *OggWriter) granule() uint64 {
	return preSkip + uint64(w.position*SampleRate/time.Second) //nolint:gosec // not negative
}
