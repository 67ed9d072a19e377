package mediafile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/rtpdump"

	"callbox/peer"
)

// dumpExtension is the end of the name of a dump.
const dumpExtension = ".rtpdump"

// ErrCodec is the error of a dump whose name does not say the codec.
var ErrCodec = errors.New("its name must say the codec, as in call.vp8.rtpdump")

// Dump returns a source that replays the RTP packets of a file in the format of rtptools, once: at
// the times at which they arrived, in that order, and without those that were lost. Only the
// first stream (SSRC) of the file is sent. A dump does not say the codec, so the name of the file
// does, as package record writes it: NAME.vp8.rtpdump, or vp9, h264, av1, opus or pcmu.
//
// What is replayed begins with the first packet, whose time is counted from the beginning of the
// recording. So two dumps of a call are in step.
func Dump(name string) (peer.Source, error) {
	codec, err := dumpCodec(name)
	if err != nil {
		return nil, err
	}
	content, err := load(name)
	if err != nil {
		return nil, err
	}
	s := &dumpSource{codec: codec}
	if s.packets, err = readDump(bytes.NewReader(content)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func dumpCodec(name string) (peer.Codec, error) {
	stem := strings.ToLower(strings.TrimSuffix(name, filepath.Ext(name)))
	codecs := map[string]peer.Codec{
		".vp8": peer.VP8, ".vp9": peer.VP9, ".h264": peer.H264, ".av1": peer.AV1, ".opus": peer.Opus, ".pcmu": peer.PCMU,
	}
	codec := codecs[filepath.Ext(stem)]
	if codec == "" || extension(name) != dumpExtension {
		return "", fmt.Errorf("%s: %w", name, ErrCodec)
	}
	return codec, nil
}

// dumpOf returns the source of a dump, which must be of the kind.
func dumpOf(name, kind string) (peer.Source, error) {
	source, err := Dump(name)
	if err != nil {
		return nil, err
	}
	if codec := source.Codecs()[0]; codec.Kind() != kind {
		return nil, fmt.Errorf("%s: %s is not %s", name, codec, kind)
	}
	return source, nil
}

// dumped is a packet and when it arrived.
type dumped struct {
	packet *rtp.Packet
	at     time.Duration
}

// readDump reads the packets of the first stream. What follows a malformed packet cannot be read:
// the file may have been cut off there.
func readDump(in io.Reader) (packets []dumped, err error) {
	reader, _, err := rtpdump.NewReader(in)
	if err != nil {
		return nil, err
	}
	for {
		p, err := reader.Next()
		switch {
		case err != nil && len(packets) == 0:
			return nil, ErrEmpty
		case err != nil:
			return packets, nil //nolint:nilerr // the end, see above
		case p.IsRTCP:
			continue
		}
		packet := new(rtp.Packet)
		if packet.Unmarshal(p.Payload) != nil { // it may have been recorded without its payload
			continue
		}
		if len(packets) == 0 || packet.SSRC == packets[0].packet.SSRC {
			packets = append(packets, dumped{packet, p.Offset})
		}
	}
}

// dumpSource replays packets. It implements peer.Source.
type dumpSource struct {
	codec   peer.Codec
	packets []dumped
	before  time.Duration // time of the packet before
	due     time.Time
}

// Codecs implements peer.Source.
func (s *dumpSource) Codecs() []peer.Codec { return []peer.Codec{s.codec} }

// Next implements peer.Source.
func (s *dumpSource) Next(ctx context.Context, _ peer.Codec) (peer.Sample, error) {
	if len(s.packets) == 0 {
		return peer.Sample{}, io.EOF
	}
	if s.due.IsZero() {
		s.due = time.Now()
	}
	due := s.due.Add(max(0, s.packets[0].at-s.before))
	if err := waitUntil(ctx, &due); err != nil {
		return peer.Sample{}, err
	}
	now := s.packets[0]
	s.due, s.before, s.packets = due, now.at, s.packets[1:]
	return peer.Sample{Packet: now.packet}, nil
}
