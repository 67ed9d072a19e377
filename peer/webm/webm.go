// Package webm reads and writes WebM files: video and audio of a call in one file.
//
// The elements are those of github.com/at-wat/ebml-go. Its own block writer and block reader
// are not used: after a write error the writer blocks for ever, and the reader has goroutines
// that end only with the file.
package webm

import "time"

// The codecs of WebM, and one of Matroska that WebM does not have.
const (
	VP8  = "V_VP8"
	VP9  = "V_VP9"
	AV1  = "V_AV1"
	Opus = "A_OPUS"
)

// Track describes a track.
type Track struct {
	Codec         string // its CodecID
	Width, Height int    // of video, in pixels
	Private       []byte // CodecPrivate: what a decoder needs to know; may be nil
}

// IsVideo reports whether it is a track of video.
func (t Track) IsVideo() bool { return len(t.Codec) > 1 && t.Codec[0] == 'V' }

// Block is a frame of video, or a packet of audio.
type Block struct {
	Track    int           // index in the tracks
	Time     time.Duration // since the beginning
	KeyFrame bool
	Data     []byte
}
