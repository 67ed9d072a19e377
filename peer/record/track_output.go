package record

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"callbox/peer"
	"callbox/peer/ivf"
	"callbox/peer/opus"
	"callbox/peer/pcmu"
	"callbox/peer/vp8"
)

// trackOutput is a file with one track.
type trackOutput struct {
	file  *file
	first time.Duration // time of its first frame
	last  time.Duration // length of the last frame, as far as it is known
	write func(data []byte, at time.Duration) error
}

// errSkip is the error of a frame that has no place in a file, which does not end the file.
var errSkip = errors.New("the frame cannot be written")

// writeTrack appends a frame to the file of its track.
func (r *Recorder) writeTrack(i *item) {
	t := i.track
	if t.output == nil {
		t.output = &trackOutput{first: i.time}
		var err error
		if t.output.file, err = r.create(i.codec.Kind(), extension(i.codec)); err == nil {
			err = t.output.open(i.frame)
		}
		if err != nil {
			r.fail(err)
			if t.output.file != nil {
				t.output.file.broken = true
			}
			return
		}
	}
	o := t.output
	if o.file == nil || o.file.broken {
		return
	}
	at := i.time - o.first
	err := o.write(i.frame.Data, at)
	if errors.Is(err, errSkip) {
		return
	}
	o.last = frameLength(i.frame, at-o.file.end+o.last)
	o.file.check(at+o.last, err)
}

// frameLength returns how long a frame lasts: for video, as long as the one before it.
func frameLength(f *peer.ReceivedFrame, sinceLast time.Duration) time.Duration {
	switch f.Codec {
	case peer.Opus:
		length, _ := opus.Duration(f.Data) // 0 after an error
		return length
	case peer.PCMU:
		return time.Duration(len(f.Data)) * time.Second / pcmu.SampleRate
	default:
		return min(max(0, sinceLast), time.Second)
	}
}

func extension(c peer.Codec) string {
	switch c {
	case peer.Opus:
		return ".ogg"
	case peer.PCMU:
		return ".au"
	case peer.H264:
		return ".h264"
	default:
		return ".ivf"
	}
}

// open writes what comes before the first frame.
func (o *trackOutput) open(f *peer.ReceivedFrame) error {
	switch f.Codec {
	case peer.VP8, peer.VP9, peer.AV1:
		return o.openIVF(f)
	case peer.H264:
		o.write = func(data []byte, _ time.Duration) error {
			_, err := o.file.Write(data)
			return err
		}
		return nil
	case peer.Opus:
		w, err := opus.NewOggWriter(o.file, rand.Uint32()) //nolint:gosec // a serial number, no secret
		if err != nil {
			return err
		}
		o.file.finish = w.End
		o.write = func(data []byte, at time.Duration) error {
			if _, err := opus.Duration(data); err != nil {
				return errSkip
			}
			return w.Write(data, at)
		}
		return nil
	case peer.PCMU:
		w, err := pcmu.NewFile(o.file)
		o.file.finish, o.write = w.End, w.Write
		return err
	default:
		return fmt.Errorf("%s cannot be recorded", f.Codec)
	}
}

func (o *trackOutput) openIVF(f *peer.ReceivedFrame) error {
	names := map[peer.Codec]ivf.FourCC{peer.VP8: ivf.VP8, peer.VP9: ivf.VP9, peer.AV1: ivf.AV1}
	width, height := pixels(f)
	w, err := ivf.NewWriter(o.file, ivf.Header{Codec: names[f.Codec], Width: width, Height: height})
	if err != nil {
		return err
	}
	o.file.declare = w.SetDuration
	o.write = func(data []byte, at time.Duration) error { return w.Write(ivf.Frame{Data: data, Time: at}) }
	return nil
}

// pixels returns the size of the picture that begins with a key frame; 0 = not known.
func pixels(f *peer.ReceivedFrame) (width, height int) {
	if f.Codec != peer.VP8 {
		return 0, 0
	}
	width, height, err := vp8.ParseHeader(f.Data)
	if err != nil {
		return 0, 0
	}
	return width, height
}
