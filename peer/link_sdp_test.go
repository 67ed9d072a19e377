package peer

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

func TestFilterCandidates(t *testing.T) {
	t.Parallel()
	lines := []string{"v=0", "m=audio 9 RTP/AVP 0", "a=" + hostLine, "a=" + srflxLine, "a=" + relayLine, "a=end-of-candidates", ""}
	sdp := strings.Join(lines, "\r\n")
	for policy, left := range map[ICEPolicy][]int{All: {2, 3, 4}, Relay: {2, 3, 4}, Host: {2}, Srflx: {3}} {
		want := slices.Clone(lines[:2])
		for _, i := range left {
			want = append(want, lines[i])
		}
		want = append(want, lines[5:]...)
		l := &link{cfg: &Config{ICE: policy}}
		if got := filterCandidates(sdp, l.allowsRemote); got != strings.Join(want, "\r\n") {
			t.Errorf("%s leaves %q", policy, got)
		}
	}
}

// What AllowRemote does not want never reaches Pion, however it is written.
func TestAllowRemote(t *testing.T) {
	t.Parallel()
	good := netip.MustParseAddr("203.0.113.1")
	l := &link{cfg: &Config{AllowRemote: func(a netip.AddrPort) bool { return a.Addr() == good }}}
	for line, want := range map[string]bool{
		srflxLine:        true,
		"a=" + srflxLine: false, // see link.addRemoteCandidate
		strings.Replace(srflxLine, "203.0.113.1", "::ffff:203.0.113.1", 1): true,
		strings.Replace(srflxLine, " ", "  ", 1):                           false,
		hostLine:                                                           false,
		mdnsLine:                                                           false,
		relayLine:                                                          false,
		srflxLine + " generation 0 \r" + hostLine:                          false,
		"candidate:1 1 udp 1 192.0.2.1\u00a0203.0.113.1 5000 typ host": false,
		"": false,
	} {
		if got := l.allowsRemote(line); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
	for _, end := range []string{"\r\n", "\n", "\r"} {
		sdp := strings.Join([]string{"v=0", "m=audio 9 RTP/AVP 0", "a=" + hostLine, "a=" + srflxLine, "a=x", "a=" + mdnsLine, ""}, end)
		if got := filterCandidates(sdp, l.allowsRemote); strings.Contains(got, "192.0.2.1 5000 typ") || strings.Contains(got, ".local") || !strings.Contains(got, "203.0.113.1 5001") {
			t.Errorf("with %q between the lines, it leaves %q", end, got)
		}
	}
}

func TestLimitVideo(t *testing.T) {
	t.Parallel()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pc.GracefulClose(); err != nil {
			t.Error(err)
		}
	}()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeVideo} {
		if _, err := pc.AddTransceiverFromKind(kind); err != nil {
			t.Fatal(err)
		}
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	limited := limitVideo(offer.SDP, 900)
	for _, want := range []string{"b=AS:900\r\n", "b=TIAS:900000\r\n"} {
		if n := strings.Count(limited, want); n != 2 {
			t.Errorf("%q stands in it %d times, want 2", want, n)
		}
	}
	offer.SDP = limited
	parsed, err := offer.Unmarshal()
	if err != nil {
		t.Fatalf("the description is not valid: %v", err)
	}
	for _, m := range parsed.MediaDescriptions {
		if want := m.MediaName.Media == "video"; (len(m.Bandwidth) == 2) != want {
			t.Errorf("%s has %d limits", m.MediaName.Media, len(m.Bandwidth))
		}
	}
}
