package peer_test

import (
	"errors"
	"testing"
	"time"

	"callbox/peer"
	"callbox/peer/impair"
)

// impaired returns what was counted of a stream; the test fails if there is none.
func impaired(tb testing.TB, r *peer.Report, kind impair.Kind, media string, retransmits bool) peer.ImpairedStream {
	tb.Helper()
	if r.Impairment == nil {
		tb.Fatal("the report does not say how the network was impaired")
	}
	for _, s := range r.Impairment.Streams {
		if s.Kind == string(kind) && (media == "" || s.Media != nil && *s.Media == media && *s.Retransmits == retransmits) {
			return s
		}
	}
	tb.Fatalf("no stream %s %s among %+v", kind, media, r.Impairment.Streams)
	return peer.ImpairedStream{}
}

// Everything suffers: checks, the handshake, data and media, and over a relay, too.
func TestImpairedCall(t *testing.T) {
	t.Parallel()
	for _, protocol := range []peer.TURNProtocol{"", peer.TURNOverUDP, peer.TURNOverTLS} {
		t.Run("over "+string(protocol), func(t *testing.T) {
			t.Parallel()
			s := serveWithTURN(t)
			a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
			if protocol != "" {
				a.ICE, a.TURNProtocol = peer.Relay, protocol
			}
			a.Impair = impair.Config{Loss: 0.02, Delay: 30 * time.Millisecond, Jitter: 10 * time.Millisecond, Seed: 7}
			first, second := callUntil(t, a, b, 40)
			if second.Impairment != nil {
				t.Errorf("the other side's network: %+v", second.Impairment)
			}
			if first.ExitCode != peer.Good || first.Path.RTTMS == nil || first.Path.RTTMS.Min < 30 {
				t.Errorf("ended with %d: %s; path %+v", first.ExitCode, first.Reason, first.Path)
			}
			if protocol == peer.TURNOverTLS { // what is inside is not known
				if tcp := impaired(t, first, impair.TCP, "", false); tcp.Lost != 0 || tcp.Delivered != tcp.Packets {
					t.Errorf("TCP: %+v", tcp)
				}
				return
			}
			for _, kind := range []impair.Kind{impair.STUN, impair.DTLS, impair.Data, impair.RTCP} {
				if c := impaired(t, first, kind, "", false); c.Packets == 0 || c.Packets != c.Lost+c.Delivered {
					t.Errorf("%s: %+v", kind, c)
				}
			}
			video, audio := impaired(t, first, impair.RTP, "video", false), impaired(t, first, impair.RTP, "audio", false)
			if video.Packets < 40 || audio.Lost == 0 || *video.PayloadType != 96 || *audio.PayloadType != 111 {
				t.Errorf("video %+v\naudio %+v", video, audio)
			}
		})
	}
}

// A rate below that of the video drops some of it.
func TestRateOfCall(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	a.Impair = impair.Config{Rate: 100_000}
	first, _ := callUntil(t, a, b, 20)
	if video := impaired(t, first, impair.RTP, "video", false); video.Dropped == 0 || video.Lost != 0 {
		t.Errorf("video: %+v", video)
	}
	if *first.Impairment.Kbps != 100 {
		t.Errorf("rate: %v", *first.Impairment.Kbps)
	}
}

// Only a call that was told so counts from its start, and can be changed.
func TestImpairNeedsChangeImpairment(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	b.ChangeImpairment = true
	first, second := pair(t, a, b)
	if err := first.Impair(impair.Config{Loss: 1}); !errors.Is(err, peer.ErrImpairmentFixed) {
		t.Errorf("%v", err)
	}
	if err := second.Impair(impair.Config{Loss: -1}); err == nil {
		t.Error("a negative share is taken")
	}
	if err := second.Impair(impair.Config{Delay: 10 * time.Millisecond}); err != nil {
		t.Error(err)
	}
	first.Close()
	second.Close()
	if r := second.Wait(); first.Wait().Impairment != nil || r.Impairment == nil || r.Impairment.DelayMS != 10 || len(r.Impairment.Streams) == 0 {
		t.Errorf("%+v", r.Impairment)
	}
}
