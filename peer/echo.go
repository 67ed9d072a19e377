package peer

import (
	"context"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	// echoQueue is how many packets wait to be sent back. If there are more, for example
	// because the source is muted, all of them are dropped.
	echoQueue = 512
	// echoSilence is how long nothing of a track arrives before another one is sent back.
	echoSilence = 2 * time.Second
)

// echo sends the packets back that arrive, with their timing and their losses. What is
// requested again and arrives late is sent late.
type echo struct{ video, audio *echoSource }

func newEcho() *echo {
	return &echo{
		video: &echoSource{codecs: codecsOf("video"), queue: make(chan *rtp.Packet, echoQueue)},
		audio: &echoSource{codecs: codecsOf("audio"), queue: make(chan *rtp.Packet, echoQueue)},
	}
}

// codecsOf returns the codecs of a kind that can be sent back.
func codecsOf(kind string) []Codec { return offeredCodecs(kind, nil) }

// push takes a packet that has arrived.
func (e *echo) push(p ReceivedPacket) {
	if p.Codec.Kind() == "audio" {
		e.audio.push(p)
	} else {
		e.video.push(p)
	}
}

// echoSource is a Source of what arrives of one kind.
type echoSource struct {
	codecs []Codec
	queue  chan *rtp.Packet

	mu    sync.Mutex
	codec Codec     // in which is sent; "" = not known yet
	ssrc  uint32    // of what is sent back
	last  time.Time // when something of it arrived
}

// Codecs implements Source.
func (s *echoSource) Codecs() []Codec { return s.codecs }

// Next implements Source.
func (s *echoSource) Next(ctx context.Context, codec Codec) (Sample, error) {
	s.mu.Lock()
	s.codec = codec
	s.mu.Unlock()
	select {
	case p := <-s.queue:
		return Sample{Packet: p}, nil
	case <-ctx.Done():
		return Sample{}, context.Cause(ctx)
	}
}

// push takes a packet, if it is of the track that is sent back, in the codec in which is
// sent.
func (s *echoSource) push(p ReceivedPacket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Codec != s.codec {
		return
	}
	if p.Packet.SSRC != s.ssrc {
		if !s.last.IsZero() && p.At.Sub(s.last) < echoSilence {
			return
		}
		s.ssrc = p.Packet.SSRC
	}
	s.last = p.At
	for {
		select {
		case s.queue <- p.Packet:
			return
		default:
		}
		for len(s.queue) > 0 {
			select {
			case <-s.queue:
			default:
			}
		}
	}
}

// passRequests reads the RTCP about what is sent until the connection closes. In an echo, the
// requests of key frames are passed on to the side that can make them.
func (l *link) passRequests(read rtcpReader) {
	l.wait.Go(func() {
		var last time.Time
		for {
			packets, _, err := read()
			if err != nil {
				return
			}
			if l.cfg.echo == nil || !hasKeyFrameRequest(packets) {
				continue
			}
			if now := time.Now(); now.Sub(last) >= keyFrameRetry/2 {
				last = now
				l.requestKeyFrames()
			}
		}
	})
}

// hasKeyFrameRequest looks for PLI (RFC 4585, section 6.3.1) and FIR (RFC 5104, section 4.3.1).
func hasKeyFrameRequest(packets []rtcp.Packet) bool {
	for _, p := range packets {
		switch p.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			return true
		}
	}
	return false
}
