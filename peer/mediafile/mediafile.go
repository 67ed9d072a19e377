// Package mediafile makes sources of files, for peer.Config's Video and Audio:
//
//	video, err := mediafile.Video("call.ivf", mediafile.Options{})
//	audio, err := mediafile.Audio("call.ogg")
//
// A source sends what is in the file, at the pace of the times in the file, again and again. Nothing
// is decoded or encoded: the other side gets the frames of the file, in the codec of the file, and
// nothing at all if it does not support that.
//
// A file of recorded RTP packets (.rtpdump) is replayed once, see [Dump].
package mediafile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"callbox/peer"
)

// MaxFile is the size of the largest file, in bytes: files are kept in memory.
const MaxFile = 256 << 20

// Limits of Options.FPS.
const (
	MinFPS     = 1
	MaxFPS     = 240
	defaultFPS = 30
)

// Options are about video.
type Options struct {
	// FPS is the rate of H.264 files, which do not say it, in frames per second;
	// 0 = 30.
	FPS int
}

// Errors of files.
var (
	// ErrFormat is the error of a file of an unknown format.
	ErrFormat = errors.New("the format is not known")
	// ErrEmpty is the error of a file without a frame of the kind that is wanted.
	ErrEmpty = errors.New("there is nothing to send in it")

	errTooLarge = fmt.Errorf("it is larger than %d MB; cut it", MaxFile>>20)
	errFPS      = fmt.Errorf("the frame rate must be from %d to %d per second", MinFPS, MaxFPS)
)

// frame is an encoded picture, or the audio of a packet.
type frame struct {
	data   []byte
	at     time.Duration // since the beginning of the file
	length time.Duration // 0 = until the next frame
}

// reader reads the frames of a file. The error is io.EOF after the last one.
type reader func() (frame, error)

// opener begins to read a file.
type opener func(in io.Reader) (peer.Codec, reader, error)

// IsMedia reports whether a file is one for Video, Audio or both, by its name.
func IsMedia(name string) bool { return slices.Contains(Extensions(), extension(name)) }

// Extensions returns the ends of the names of all files that can be sent.
func Extensions() []string {
	return []string{".ivf", ".h264", ".264", ".webm", ".ogg", ".opus", dumpExtension}
}

func extension(name string) string { return strings.ToLower(filepath.Ext(name)) }

// Video returns a source of a file with video: IVF (.ivf) with VP8, VP9 or AV1, H.264 (.h264,
// .264) in the format of annex B, WebM (.webm), or what [Dump] reads. The error wraps ErrFormat,
// ErrEmpty, or says what is wrong with the file.
func Video(name string, o Options) (peer.Source, error) {
	if o.FPS == 0 {
		o.FPS = defaultFPS
	}
	if o.FPS < MinFPS || o.FPS > MaxFPS {
		return nil, errFPS
	}
	switch extension(name) {
	case ".ivf":
		return open(name, readIVF)
	case ".h264", ".264":
		return open(name, readH264(o.FPS))
	case ".webm":
		return open(name, readWebM("video"))
	case dumpExtension:
		return dumpOf(name, "video")
	default:
		return nil, fmt.Errorf("%s: %w: it must be .ivf, .h264, .webm or .rtpdump", name, ErrFormat)
	}
}

// Audio returns a source of a file with Opus audio: Ogg (.ogg, .opus), WebM (.webm), or what
// [Dump] reads. The error is like that of Video.
func Audio(name string) (peer.Source, error) {
	switch extension(name) {
	case ".ogg", ".opus":
		return open(name, readOgg)
	case ".webm":
		return open(name, readWebM("audio"))
	case dumpExtension:
		return dumpOf(name, "audio")
	default:
		return nil, fmt.Errorf("%s: %w: it must be .ogg, .opus, .webm or .rtpdump", name, ErrFormat)
	}
}

// open reads a file into memory, and its first frame.
func open(name string, begin opener) (*source, error) {
	content, err := load(name)
	if err != nil {
		return nil, err
	}
	s := &source{content: content, begin: begin}
	if err := s.rewind(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// load returns the content of a file.
func load(name string) ([]byte, error) {
	file, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err == nil && info.Size() > MaxFile {
		err = errTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var content bytes.Buffer
	content.Grow(int(info.Size()) + bytes.MinRead)
	n, err := io.Copy(&content, io.LimitReader(file, MaxFile+1)) // it may have grown, or be a device
	if err == nil && n > MaxFile {
		err = errTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content.Bytes(), nil
}
