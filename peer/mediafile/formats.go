package mediafile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"callbox/peer"
	"callbox/peer/annexb"
	"callbox/peer/ivf"
	"callbox/peer/ogg"
	"callbox/peer/opus"
	"callbox/peer/webm"
)

var errNotOpus = errors.New("it is an Ogg file, but not of Opus")

func readIVF(in io.Reader) (peer.Codec, reader, error) {
	r, err := ivf.NewReader(in)
	if err != nil {
		return "", nil, err
	}
	codec := map[ivf.FourCC]peer.Codec{ivf.VP8: peer.VP8, ivf.VP9: peer.VP9, ivf.AV1: peer.AV1}[r.Header.Codec]
	if codec == "" {
		return "", nil, fmt.Errorf("it has the codec %q; only VP8, VP9 and AV1 can be sent", r.Header.Codec)
	}
	return codec, func() (frame, error) {
		f, err := r.Next()
		return frame{data: f.Data, at: f.Time}, err
	}, nil
}

func readH264(fps int) opener {
	return func(in io.Reader) (peer.Codec, reader, error) {
		r := annexb.NewReader(in)
		number := 0
		return peer.H264, func() (frame, error) {
			unit, err := r.Next()
			at := time.Duration(number) * time.Second / time.Duration(fps)
			number++
			return frame{data: unit, at: at}, err
		}, nil
	}
}

// readOgg reads the packets after the two headers (RFC 7845, section 3).
func readOgg(in io.Reader) (peer.Codec, reader, error) {
	r := ogg.NewReader(in)
	head, err := r.Next()
	switch {
	case isEnd(err):
		return "", nil, ErrEmpty
	case err != nil:
		return "", nil, err
	case !bytes.HasPrefix(head, []byte("OpusHead")):
		return "", nil, errNotOpus
	}
	if _, err := r.Next(); err != nil && !errors.Is(err, ogg.ErrTooLong) { // tags may have a picture
		return "", nil, ErrEmpty
	}
	var at time.Duration
	return peer.Opus, func() (frame, error) {
		packet, err := r.Next()
		if err != nil {
			return frame{}, err
		}
		return opusFrame(bytes.Clone(packet), &at)
	}, nil
}

// opusFrame returns a packet of Opus, and adds its length to the time.
func opusFrame(packet []byte, at *time.Duration) (frame, error) {
	length, err := opus.Duration(packet)
	f := frame{data: packet, at: *at, length: length}
	*at += length
	return f, err
}

// readWebM reads the first track of a kind.
func readWebM(kind string) opener {
	return func(in io.Reader) (peer.Codec, reader, error) {
		r, err := webm.NewReader(in)
		if err != nil {
			return "", nil, err
		}
		known := map[string]peer.Codec{webm.VP8: peer.VP8, webm.VP9: peer.VP9, webm.AV1: peer.AV1, webm.Opus: peer.Opus}
		others := ""
		for n, t := range r.Tracks() {
			if codec := known[t.Codec]; codec != "" && codec.Kind() == kind {
				return codec, webmTrack(r, n, codec), nil
			}
			others += " " + fmt.Sprintf("%q", t.Codec)
		}
		return "", nil, fmt.Errorf("%w: it has no %s that can be sent, only%s", ErrEmpty, kind, others)
	}
}

func webmTrack(r *webm.Reader, number int, codec peer.Codec) reader {
	return func() (frame, error) {
		for {
			b, err := r.Next()
			if err != nil {
				return frame{}, err
			}
			if b.Track != number {
				continue
			}
			f := frame{data: b.Data, at: b.Time}
			if codec == peer.Opus {
				f.length, err = opus.Duration(b.Data)
			}
			return f, err
		}
	}
}
