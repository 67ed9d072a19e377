package peer

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/pion/interceptor/pkg/stats"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// reportFaults returns what went wrong without ending the connection.
func (l *link) reportFaults() failures {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.faults)
}

// reportMedia returns what was negotiated, sent and received until end; nil if
// nothing was negotiated.
func (l *link) reportMedia(end time.Time) []Media {
	var all []Media
	for _, s := range l.sections() {
		received, sent := s.received, s.sent
		l.fillReceived(&received, end)
		l.fillSent(&sent)
		all = append(all, received, sent)
	}
	return all
}

func (l *link) fillReceived(m *Media, end time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range slices.Backward(l.tracks) { // the newest track of a section
		if t.mid != *m.MID {
			continue
		}
		t.receiver.fill(m, end)
		t.flow.fill(m, end)
		m.burstRatio = t.flow.burstRatio()
		codec := string(t.codec)
		m.Codec = &codec
		plis, none := t.plis.Load(), int64(0)
		recovered := t.recovered.Load()
		m.PLI, m.FIR, m.RTX = &plis, &none, &recovered
		if numbers, ok := l.numbers.get(t.ssrc); ok {
			nacks := int64(numbers.InboundRTPStreamStats.NACKCount)
			m.NACK = &nacks
		}
		return
	}
}

func (l *link) fillSent(m *Media) {
	t := &l.audio
	if m.Kind == "video" {
		t = &l.video
	}
	if t.sender == nil || !m.Negotiated {
		return
	}
	if codec := string(t.codec()); codec != "" {
		m.Codec = &codec
	}
	frames := t.frames.Load()
	m.Flowing = frames > 0
	if m.Kind == "video" {
		m.Frames = &Frames{SentByPeer: &frames}
	}
	numbers, ok := l.sentNumbers(t)
	if !ok {
		return
	}
	out := numbers.OutboundRTPStreamStats
	packets, bytes := int64(out.PacketsSent), int64(out.BytesSent) //nolint:gosec // counters of one call
	nack, pli, fir := int64(out.NACKCount), int64(out.PLICount), int64(out.FIRCount)
	ssrc, _ := t.ssrc()
	rtx := l.nacks.sentAgain(ssrc)
	m.Packets, m.Bytes, m.NACK, m.PLI, m.FIR, m.RTX = &packets, &bytes, &nack, &pli, &fir, &rtx
	if reported(&numbers) {
		lost, percent := lostPackets(&numbers)
		m.Lost, m.LossPct = &lost, &percent
	}
	t.feedback.fill(m)
}

// sampleSent samples what is sent.
func (l *link) sampleSent(now time.Time) {
	for _, t := range []*sentTrack{&l.audio, &l.video} {
		if numbers, ok := l.sentNumbers(t); ok {
			t.feedback.sample(&numbers, now)
		}
	}
}

// sentNumbers returns the counters of a sent track; false if nothing was sent.
func (l *link) sentNumbers(t *sentTrack) (stats.Stats, bool) {
	ssrc, ok := t.ssrc()
	if !ok {
		return stats.Stats{}, false
	}
	return l.numbers.get(ssrc)
}

// ssrc returns the SSRC under which a track is sent; false if it is not.
func (t *sentTrack) ssrc() (uint32, bool) {
	if t.sender == nil {
		return 0, false
	}
	encodings := t.sender.GetParameters().Encodings
	if len(encodings) == 0 {
		return 0, false
	}
	return uint32(encodings[0].SSRC), true
}

// section is one media section of the negotiated session, in both directions.
type section struct{ received, sent Media }

// sections reads what was negotiated from the answer, which decides (RFC 3264).
func (l *link) sections() []section {
	answer, mine := l.pc.CurrentLocalDescription(), true
	if answer != nil && answer.Type != webrtc.SDPTypeAnswer {
		answer, mine = l.pc.CurrentRemoteDescription(), false
	}
	if answer == nil {
		return nil
	}
	var session sdp.SessionDescription
	if err := session.UnmarshalString(answer.SDP); err != nil {
		return nil
	}
	var all []section
	for _, m := range session.MediaDescriptions {
		kind := m.MediaName.Media
		mid, ok := m.Attribute("mid")
		if !ok || kind != "audio" && kind != "video" {
			continue
		}
		answererSends, answererReceives := directions(m)
		if !mine {
			answererSends, answererReceives = answererReceives, answererSends
		}
		base := Media{MID: &mid, Kind: kind, Codec: codecOf(&session, m)}
		s := section{received: base, sent: base}
		s.received.Dir, s.received.Negotiated = "recv", answererReceives
		s.sent.Dir, s.sent.Negotiated = "send", answererSends
		all = append(all, s)
	}
	return all
}

// directions returns what the side that wrote a media section does.
func directions(m *sdp.MediaDescription) (sends, receives bool) {
	if m.MediaName.Port.Value == 0 { // rejected
		return false, false
	}
	for _, a := range m.Attributes {
		switch a.Key {
		case "inactive":
			return false, false
		case "sendonly":
			return true, false
		case "recvonly":
			return false, true
		}
	}
	return true, true
}

// codecOf returns the media type of the first format, such as video/VP8.
func codecOf(session *sdp.SessionDescription, m *sdp.MediaDescription) *string {
	for _, format := range m.MediaName.Formats {
		var payload uint8
		for _, c := range format {
			payload = payload*10 + uint8(c-'0') //nolint:gosec // a nonsensical number is not found below
		}
		codec, err := session.GetCodecForPayloadType(payload)
		if err != nil || strings.EqualFold(codec.Name, "rtx") {
			continue
		}
		name := m.MediaName.Media + "/" + codec.Name
		return &name
	}
	return nil
}

// lines yields the rest of each line of text that begins with prefix.
func lines(text, prefix string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, prefix); ok && !yield(strings.TrimSpace(rest)) {
				return
			}
		}
	}
}
