package peer

import (
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// sentTrack is the audio or the video that this peer sends. It is a webrtc.TrackLocal whose
// codec is chosen when it is known what the other side supports.
type sentTrack struct {
	kind   webrtc.RTPCodecType
	source Source // nil = nothing is sent
	sender *webrtc.RTPSender
	frames atomic.Int64
	bound  chan struct{} // closed when chosen and track are set
	// feedback belongs to the goroutine of the Call.
	feedback feedback

	mu     sync.Mutex
	chosen Codec // "" = none in common
	track  *webrtc.TrackLocalStaticRTP
}

// streamID is the media stream (RFC 8830) of what this peer sends.
const streamID = "callbox"

// ID implements webrtc.TrackLocal.
func (t *sentTrack) ID() string { return t.kind.String() }

// RID implements webrtc.TrackLocal.
func (*sentTrack) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (*sentTrack) StreamID() string { return streamID }

// Kind implements webrtc.TrackLocal.
func (t *sentTrack) Kind() webrtc.RTPCodecType { return t.kind }

// Bind implements webrtc.TrackLocal: it chooses the first codec of the source that was
// negotiated. Without one nothing is sent; that must not end the call, in which the other
// side may still be heard and seen.
func (t *sentTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	negotiated := c.CodecParameters()
	if t.track != nil {
		return t.track.Bind(c)
	}
	for _, codec := range t.source.Codecs() {
		for _, n := range negotiated {
			if !strings.EqualFold(n.MimeType, string(codec)) {
				continue
			}
			track, err := webrtc.NewTrackLocalStaticRTP(n.RTPCodecCapability, t.ID(), t.StreamID())
			if err != nil {
				return n, err
			}
			t.chosen, t.track = codec, track
			close(t.bound)
			return track.Bind(c)
		}
	}
	if len(negotiated) == 0 {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	return negotiated[0], nil
}

// Unbind implements webrtc.TrackLocal.
func (t *sentTrack) Unbind(c webrtc.TrackLocalContext) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.track == nil {
		return nil
	}
	return t.track.Unbind(c)
}

// codec returns the codec in which is sent; "" = none was negotiated, or none yet.
func (t *sentTrack) codec() Codec {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.chosen
}

// addTracks adds the tracks to send. Of a kind that is not sent, it adds a transceiver
// that only receives, unless nothing can be received.
func (l *link) addTracks() error {
	if err := l.addTrack(&l.audio, l.cfg.Audio, webrtc.RTPCodecTypeAudio); err != nil {
		return err
	}
	return l.addTrack(&l.video, l.cfg.Video, webrtc.RTPCodecTypeVideo)
}

func (l *link) addTrack(t *sentTrack, source Source, kind webrtc.RTPCodecType) error {
	direction := webrtc.RTPTransceiverDirectionSendrecv
	switch {
	case source == nil && l.seat.SendOnly:
		return nil
	case source == nil || l.seat.ReceiveOnly:
		_, err := l.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		return err
	case l.seat.SendOnly:
		direction = webrtc.RTPTransceiverDirectionSendonly
	}
	t.kind, t.source, t.bound = kind, source, make(chan struct{})
	transceiver, err := l.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: direction})
	if err != nil {
		return err
	}
	t.sender = transceiver.Sender()
	l.passRequests(t.sender.ReadRTCP)
	if kind == webrtc.RTPCodecTypeAudio {
		return transceiver.SetCodecPreferences(audioPreference(source))
	}
	return nil
}

// startMedia starts to send. It must be called once, when the link is connected.
func (l *link) startMedia() {
	l.started = true
	for _, t := range []*sentTrack{&l.video, &l.audio} {
		if t.source != nil {
			l.sending.Go(func() { l.send(t) })
		}
	}
}

// stopMedia ends sending and waits until everything that was counted is sent. It must
// not be called before startMedia has returned.
func (l *link) stopMedia() {
	l.stopSending()
	l.sending.Wait()
}

// send writes samples until the source, the media or the connection ends.
func (l *link) send(t *sentTrack) {
	select {
	case <-l.sendCtx.Done():
		return
	case <-t.bound:
	}
	packetizer := newPacketizer(t.chosen)
	for {
		sample, err := t.source.Next(l.sendCtx, t.chosen)
		if err == nil {
			err = t.write(packetizer.packets(sample, time.Now()))
		}
		switch {
		case err == nil:
			if sample.Packet == nil || sample.Packet.Marker || t.kind == webrtc.RTPCodecTypeAudio {
				t.frames.Add(1)
			}
		case l.sendCtx.Err() != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe):
			return
		default:
			l.cfg.Logger.Warn("sending ended", "kind", t.kind.String(), "error", err)
			return
		}
	}
}

// write sends packets.
func (t *sentTrack) write(packets []*rtp.Packet) error {
	for _, p := range packets {
		if err := t.track.WriteRTP(p); err != nil {
			return err
		}
	}
	return nil
}
