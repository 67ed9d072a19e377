package peer

import (
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// A key frame is requested (PLI, RFC 4585 section 6.3.1) at once, every keyFrameRetry
// until there is one, after frames were lost, and once more secondKeyFrame after the
// first, which proves that requests work.
const (
	keyFrameRetry  = time.Second
	secondKeyFrame = 2 * time.Second
)

// After a gap, packets may arrive by RTX for repairTime. Pion returns them only at the
// beginning of a read, so reads are then cut short after repairPoll.
const (
	repairTime = 2 * time.Second
	repairPoll = 20 * time.Millisecond
)

// receivedTrack is a track that the other side sends.
type receivedTrack struct {
	mid   string
	kind  string
	codec Codec
	ssrc  uint32
	plis  atomic.Int64
	// recovered counts what arrived by RTX, arrived is when the last packet did, in
	// nanoseconds since 1970.
	recovered, arrived atomic.Int64
	flow               *flow
	receiver           mediaReceiver
}

// mediaReceiver counts and measures what arrives of one track.
type mediaReceiver interface {
	push(p *rtp.Packet, now time.Time)
	fill(m *Media, end time.Time)
	progress() progress
}

// newReceiver returns the receiver of a track; nil if there is none for its codec.
func (l *link) newReceiver(t *receivedTrack) mediaReceiver {
	first := func() { l.observer.firstFrame(l) }
	switch t.codec {
	case VP8:
		return newVideoReceiver(t.mid, linkSink{l}, l.cfg.Shared, first)
	case VP9, H264, AV1:
		return newFrameReceiver(t.mid, t.codec, linkSink{l}, first)
	case Opus, PCMU:
		return newAudioReceiver(t.mid, t.codec, linkSink{l}, l.cfg.CountAudio)
	default:
		return nil
	}
}

// rtcpReader is RTPSender.ReadRTCP or RTPReceiver.ReadRTCP.
type rtcpReader = func() ([]rtcp.Packet, interceptor.Attributes, error)

// drain reads RTCP until the connection closes, so that the interceptors, which alone
// use it, get it.
func (l *link) drain(read rtcpReader) {
	l.wait.Go(func() {
		for {
			if _, _, err := read(); err != nil {
				return
			}
		}
	})
}

// receive reads a new track until it ends; Pion calls it on the first packet.
func (l *link) receive(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	t := &receivedTrack{kind: remote.Kind().String(), ssrc: uint32(remote.SSRC()), mid: l.midOf(receiver)}
	t.flow = newFlow(remote.Codec().ClockRate)
	t.codec = codecNamed(remote.Codec().MimeType)
	if t.receiver = l.newReceiver(t); t.receiver == nil { // impossible: nothing else was negotiated
		l.cfg.Logger.Warn("ignored a track with a codec that was not negotiated", "codec", string(t.codec))
		return
	}
	l.mu.Lock()
	room := len(l.tracks) < maxTracks && l.ctx.Err() == nil
	if room {
		l.tracks = append(l.tracks, t)
		l.wait.Add(1)
	}
	l.mu.Unlock()
	if !room {
		return
	}
	defer l.wait.Done()
	l.drain(receiver.ReadRTCP)
	if t.kind == "video" {
		l.wait.Go(func() { l.askKeyFrames(t) })
	}
	var repairs time.Time // until then there may be packets by RTX
	for {
		repairs = limitRead(remote, repairs)
		packet, attributes, err := remote.ReadRTP()
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			continue
		}
		if err != nil {
			return
		}
		if attributes.Get(webrtc.AttributeRtxSsrc) != nil {
			t.recovered.Add(1)
			l.nacks.recovered(t.ssrc, packet.SequenceNumber)
		}
		now := time.Now()
		if t.flow.count(packet, now) && remote.HasRTX() {
			repairs = now.Add(repairTime)
		}
		linkSink{l}.Packet(ReceivedPacket{MID: t.mid, Codec: t.codec, Packet: packet, At: now})
		t.receiver.push(packet, now)
		t.arrived.Store(now.UnixNano())
	}
}

// limitRead sets how long the next read of a track may take, and returns until when the reads
// after it have to be limited, too; zero = they need not.
func limitRead(remote *webrtc.TrackRemote, repairs time.Time) time.Time {
	if repairs.IsZero() {
		return repairs
	}
	var limit time.Time
	if now := time.Now(); now.Before(repairs) {
		limit = now.Add(repairPoll)
	} else {
		repairs = time.Time{}
	}
	_ = remote.SetReadDeadline(limit) // fails only when the track is closed, and then so does the read
	return repairs
}

// midOf returns the media section that a receiver belongs to.
func (l *link) midOf(receiver *webrtc.RTPReceiver) string {
	for _, t := range l.pc.GetTransceivers() {
		if t.Receiver() == receiver {
			return t.Mid()
		}
	}
	return ""
}

// askKeyFrames requests key frames of a video track until the link closes.
func (l *link) askKeyFrames(t *receivedTrack) {
	ticker := time.NewTicker(keyFrameRetry)
	defer ticker.Stop()
	var (
		decodedAt  time.Time // since when there is a key frame
		second     bool
		incomplete int
	)
	ask := true
	for {
		if ask {
			pli := []rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: t.ssrc}}
			if err := l.pc.WriteRTCP(pli); err != nil {
				return
			}
			t.plis.Add(1)
		}
		l.mu.Lock()
		requested := l.keyFrames
		l.mu.Unlock()
		select {
		case <-l.ctx.Done():
			return
		case <-requested:
			ask = true
		case now := <-ticker.C:
			p := t.receiver.progress()
			if decodedAt.IsZero() && p.decoded > 0 {
				decodedAt = now
			}
			ask = p.decoded == 0 || p.incomplete > incomplete
			incomplete = p.incomplete
			if !second && !decodedAt.IsZero() && now.Sub(decodedAt) >= secondKeyFrame {
				second, ask = true, true
			}
		}
	}
}

// requestKeyFrames requests a key frame of each video track, from any goroutine.
func (l *link) requestKeyFrames() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.keyFrames)
	l.keyFrames = make(chan struct{})
}

// progress returns what has arrived on all tracks together.
func (l *link) progress() progress {
	l.mu.Lock()
	tracks := slices.Clone(l.tracks)
	l.mu.Unlock()
	var sum progress
	earlier := func(a, b time.Time) time.Time {
		if a.IsZero() || !b.IsZero() && b.Before(a) {
			return b
		}
		return a
	}
	for _, t := range tracks {
		p := t.receiver.progress()
		sum.firstRTP, sum.firstFrame = earlier(sum.firstRTP, p.firstRTP), earlier(sum.firstFrame, p.firstFrame)
		sum.frames += p.frames
		sum.decoded += p.decoded
		sum.incomplete += p.incomplete
	}
	return sum
}
