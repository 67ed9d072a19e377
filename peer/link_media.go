package peer

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// A key frame is requested (PLI, RFC 4585 section 6.3.1) at once, every keyFrameRetry
// until there is one, after frames were lost, and once more secondKeyFrame after the
// first, which proves that requests work.
const (
	keyFrameRetry  = time.Second
	secondKeyFrame = 2 * time.Second
)

// sentTrack is the audio or the video that this peer sends.
type sentTrack struct {
	track  *webrtc.TrackLocalStaticSample
	sender *webrtc.RTPSender
	frames atomic.Int64
}

// receivedTrack is a track that the other side sends.
type receivedTrack struct {
	mid      string
	kind     string
	ssrc     uint32
	plis     atomic.Int64
	receiver interface {
		push(p *rtp.Packet, now time.Time)
		fill(m *Media, end time.Time)
		progress() progress
	}
}

// addTracks adds the tracks to send. Of a kind that is not sent, it adds a transceiver
// that only receives.
func (l *link) addTracks() error {
	err := l.addTrack(&l.audio, l.cfg.Audio != nil, webrtc.RTPCodecTypeAudio,
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000})
	if err != nil {
		return err
	}
	return l.addTrack(&l.video, l.cfg.Video != nil, webrtc.RTPCodecTypeVideo,
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000})
}

func (l *link) addTrack(t *sentTrack, send bool, kind webrtc.RTPCodecType, codec webrtc.RTPCodecCapability) error {
	if !send {
		_, err := l.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		return err
	}
	var err error
	if t.track, err = webrtc.NewTrackLocalStaticSample(codec, kind.String(), "callbox"); err != nil {
		return err
	}
	if t.sender, err = l.pc.AddTrack(t.track); err != nil {
		return err
	}
	l.drain(t.sender.ReadRTCP)
	return nil
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

// startMedia starts to send. It must be called once, when the link is connected.
func (l *link) startMedia() {
	if l.video.track != nil {
		l.wait.Go(func() {
			l.send(&l.video, func(ctx context.Context) (media.Sample, error) {
				f, err := l.cfg.Video.Next(ctx)
				return media.Sample{Data: f.Data, Duration: f.Duration}, err
			})
		})
	}
	if l.audio.track != nil {
		l.wait.Go(func() {
			l.send(&l.audio, func(ctx context.Context) (media.Sample, error) {
				block, err := l.cfg.Audio.Next(ctx)
				return media.Sample{Data: block, Duration: packetTime}, err
			})
		})
	}
}

// send writes samples until the source or the connection ends.
func (l *link) send(t *sentTrack, next func(context.Context) (media.Sample, error)) {
	for {
		sample, err := next(l.ctx)
		if err == nil {
			err = t.track.WriteSample(sample)
		}
		switch {
		case l.ctx.Err() != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe):
			return
		case err != nil:
			l.cfg.Logger.Warn("sending ended", "kind", t.track.Kind().String(), "error", err)
			return
		}
		t.frames.Add(1)
	}
}

// receive reads a new track until it ends; Pion calls it on the first packet.
func (l *link) receive(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	t := &receivedTrack{kind: remote.Kind().String(), ssrc: uint32(remote.SSRC()), mid: l.midOf(receiver)}
	codec := remote.Codec().MimeType
	switch {
	case strings.EqualFold(codec, webrtc.MimeTypeVP8):
		t.receiver = newVideoReceiver(l.cfg.VideoSink, func() { l.observer.firstFrame(l) })
	case strings.EqualFold(codec, webrtc.MimeTypePCMU):
		t.receiver = &audioReceiver{sink: l.cfg.AudioSink}
	default: // impossible: nothing else was negotiated
		l.cfg.Logger.Warn("ignored a track with a codec that was not negotiated", "codec", codec)
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
	for {
		packet, _, err := remote.ReadRTP()
		if err != nil {
			return
		}
		t.receiver.push(packet, time.Now())
	}
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
		select {
		case <-l.ctx.Done():
			return
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
