package peer_test

import (
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer"
	"callbox/signaling/protocol"
)

// only returns codecs for a page that supports nothing else.
func only(audio, video string) func(*webrtc.MediaEngine) error {
	return func(m *webrtc.MediaEngine) error {
		capability := webrtc.RTPCodecCapability{MimeType: audio, ClockRate: 8000}
		if audio == webrtc.MimeTypeOpus {
			capability.ClockRate, capability.Channels = 48000, 2
		}
		if err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: 109}, webrtc.RTPCodecTypeAudio); err != nil {
			return err
		}
		capability = webrtc.RTPCodecCapability{MimeType: video, ClockRate: 90000}
		return m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: 120}, webrtc.RTPCodecTypeVideo)
	}
}

// Each client gets sound in the first codec of the bot that it supports, whoever offers.
func TestAudioCodec(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		codecs func(*webrtc.MediaEngine) error
		bot    []peer.Codec
		want   string
	}{
		"all":           {(*webrtc.MediaEngine).RegisterDefaultCodecs, nil, webrtc.MimeTypeOpus},
		"only Opus":     {only(webrtc.MimeTypeOpus, webrtc.MimeTypeVP8), nil, webrtc.MimeTypeOpus},
		"only PCMU":     {only(webrtc.MimeTypePCMU, webrtc.MimeTypeVP8), nil, webrtc.MimeTypePCMU},
		"prefers PCMU":  {(*webrtc.MediaEngine).RegisterDefaultCodecs, []peer.Codec{peer.PCMU, peer.Opus}, webrtc.MimeTypePCMU},
		"no PCMU, Opus": {only(webrtc.MimeTypeOpus, webrtc.MimeTypeVP8), []peer.Codec{peer.PCMU, peer.Opus}, webrtc.MimeTypeOpus},
	} {
		for _, botOffers := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				heard := make(chan string, 1)
				callPage(t, botOffers, c.codecs, peer.Tone(c.bot...), func(pc *webrtc.PeerConnection) {
					pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
						if track.Kind() == webrtc.RTPCodecTypeAudio {
							heard <- track.Codec().MimeType
						}
					})
				})
				select {
				case got := <-heard:
					if got != c.want {
						t.Errorf("the bot sends %s, want %s", got, c.want)
					}
				case <-time.After(patience):
					t.Error("heard nothing")
				}
			})
		}
	}
}

// callPage connects a bot that sends sound with a page that supports some codecs.
func callPage(t *testing.T, botOffers bool, codecs func(*webrtc.MediaEngine) error, audio peer.Source, prepare func(*webrtc.PeerConnection)) {
	t.Helper()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.Audio = audio
	var p *page
	if botOffers {
		join(t, cfg)
		p = open(t, s)
	} else {
		p = open(t, s)
		join(t, cfg)
		p.awaitOther()
	}
	p.codecs, p.prepare = codecs, prepare
	p.build(1)
	if botOffers {
		p.say(protocol.CallData{Description: p.answer(p.hearDescription("offer").Description)})
		p.sayCandidates()
	} else {
		p.say(protocol.CallData{Description: p.offer()})
		p.sayCandidates()
		p.setRemote(p.hearDescription("answer").Description)
	}
	await(t, "connection", p.connected)
}
