package webm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"
)

const (
	audioType, videoType = 2, 1
	opusRate             = 48000
	opusChannels         = 2
	opusPreRoll          = 80 * time.Millisecond // to decode before a seek, RFC 7845 section 4.6
	// maxCluster is below what the 16 bits of a block's time can say, and short enough to seek.
	maxCluster = 5 * time.Second
	// minCluster is how long a cluster lasts before a key frame of video begins another one.
	minCluster = time.Second
)

// Output is where a Writer writes; an *os.File is one.
type Output interface {
	io.Writer
	io.WriterAt
}

// Writer writes a file. Segment and clusters have no size, so what has been written can be
// played, even if nothing follows. It must not be used concurrently.
type Writer struct {
	out      Output
	tracks   []Track
	cluster  time.Duration // when the current one began; negative = there is none
	duration int64         // offset in the file of the duration
	buffer   bytes.Buffer
}

// fileHeader is everything before the first cluster.
type fileHeader struct {
	Header  webm.EBMLHeader `ebml:"EBML"`
	Segment struct {
		Info   webm.Info
		Tracks webm.Tracks
	} `ebml:"Segment,size=unknown"`
}

// NewWriter writes the headers. began is stated as the date of the recording.
func NewWriter(out Output, began time.Time, tracks []Track) (*Writer, error) {
	w := &Writer{out: out, tracks: tracks, cluster: -1}
	h := fileHeader{Header: webm.EBMLHeader{
		EBMLVersion: 1, EBMLReadVersion: 1, EBMLMaxIDLength: 4, EBMLMaxSizeLength: 8,
		DocType: "webm", DocTypeVersion: 4, DocTypeReadVersion: 2,
	}}
	h.Segment.Info = webm.Info{
		TimecodeScale: uint64(time.Millisecond), MuxingApp: "callbox", WritingApp: "callbox",
		Duration: 1, DateUTC: began.UTC(),
	}
	for i, t := range tracks {
		h.Segment.Tracks.TrackEntry = append(h.Segment.Tracks.TrackEntry, entry(i, t))
	}
	if err := ebml.Marshal(&h, &w.buffer); err != nil {
		return nil, err
	}
	// The duration is written later, into an element that is there now.
	element := []byte{0x44, 0x89, 0x88}
	at := bytes.Index(w.buffer.Bytes(), binary.BigEndian.AppendUint64(element, math.Float64bits(1)))
	if at < 0 {
		return nil, errors.New("the header has no duration")
	}
	w.duration = int64(at + len(element))
	return w, w.flush()
}

func entry(i int, t Track) webm.TrackEntry {
	e := webm.TrackEntry{TrackNumber: uint64(i + 1), TrackUID: uint64(i + 1), CodecID: t.Codec, CodecPrivate: t.Private} //nolint:gosec // an index
	if t.IsVideo() {
		e.TrackType = videoType
		e.Video = &webm.Video{PixelWidth: uint64(t.Width), PixelHeight: uint64(t.Height)} //nolint:gosec // not negative
		return e
	}
	e.TrackType, e.SeekPreRoll = audioType, uint64(opusPreRoll)
	e.Audio = &webm.Audio{SamplingFrequency: opusRate, Channels: opusChannels}
	return e
}

// Write appends a block. The times of a track must not decrease, and those of all tracks
// not by more than a few seconds.
func (w *Writer) Write(b Block) error {
	since := b.Time - w.cluster
	if w.cluster < 0 || since > maxCluster || since < -maxCluster || since > minCluster && b.KeyFrame && w.tracks[b.Track].IsVideo() {
		w.cluster = max(0, b.Time)
		header := struct {
			Cluster struct{ Timecode uint64 } `ebml:"Cluster,size=unknown"`
		}{}
		header.Cluster.Timecode = uint64(w.cluster.Milliseconds()) //nolint:gosec // not negative
		if err := ebml.Marshal(&header, &w.buffer); err != nil {
			return err
		}
	}
	// Rounded from the beginning of the file, so that errors do not add up.
	relative := b.Time.Milliseconds() - w.cluster.Milliseconds()
	block := struct {
		SimpleBlock ebml.Block
	}{ebml.Block{TrackNumber: uint64(b.Track + 1), Timecode: int16(relative), Keyframe: b.KeyFrame, Data: [][]byte{b.Data}}} //nolint:gosec // within maxCluster
	if err := ebml.Marshal(&block, &w.buffer); err != nil {
		return err
	}
	return w.flush()
}

// flush writes everything at once, so that a killed program does not leave half a block.
func (w *Writer) flush() error {
	_, err := w.out.Write(w.buffer.Bytes())
	w.buffer.Reset()
	return err
}

// SetDuration says in the header how long the file is.
func (w *Writer) SetDuration(d time.Duration) error {
	bits := math.Float64bits(float64(d.Milliseconds()))
	_, err := w.out.WriteAt(binary.BigEndian.AppendUint64(nil, bits), w.duration)
	return err
}
