package record

import (
	"net"
	"strings"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/rtpdump"
)

// maxDumpedPacket is what the 16 bits of a length in the file allow.
const maxDumpedPacket = 1<<16 - 1 - 8

// dumpPacket is an RTP packet as it arrived.
type dumpPacket struct{ raw []byte }

// newDumpPacket returns false for a packet that is too long for a dump, which no UDP
// datagram is.
func newDumpPacket(p *rtp.Packet) (*dumpPacket, bool) {
	raw, err := p.Marshal()
	return &dumpPacket{raw}, err == nil && len(raw) <= maxDumpedPacket
}

// dumpOutput is a file with the packets of one track.
type dumpOutput struct {
	file   *file // nil = it could not be created
	writer *rtpdump.Writer
}

// dump writes a packet.
func (r *Recorder) dump(i *item) {
	t := i.track
	if t.dump == nil {
		t.dump = &dumpOutput{}
		_, codec, _ := strings.Cut(strings.ToLower(string(i.codec)), "/")
		file, err := r.create(i.codec.Kind(), "."+codec+".rtpdump")
		if err == nil {
			t.dump.file = file
			// The address stays out of the file: nobody needs it to replay.
			t.dump.writer, err = rtpdump.NewWriter(file, rtpdump.Header{Start: r.began, Source: net.IPv4zero})
		}
		if err != nil {
			r.fail(err)
			if file != nil {
				file.broken = true
			}
			return
		}
	}
	if t.dump.file == nil || t.dump.file.broken {
		return
	}
	at := max(0, i.at.Sub(r.began)).Truncate(time.Millisecond)
	t.dump.file.check(at, t.dump.writer.WritePacket(rtpdump.Packet{Offset: at, Payload: i.packet.raw}))
}
