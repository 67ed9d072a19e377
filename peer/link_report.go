package peer

import (
	"iter"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// maxRoundTrips is the most round-trip times that are kept: an hour at one per second.
const maxRoundTrips = 3600

// sample records the current path of media and the round-trip time. Without a
// selected pair, the path sampled before is kept.
func (l *link) sample() {
	pair, err := l.transport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return
	}
	numbers, ok := l.transport().GetSelectedCandidatePairStats()
	if !ok {
		return
	}
	path := &Path{
		Type:   Direct,
		Local:  LocalEnd{Type: pair.Local.Typ.String(), Protocol: pair.Local.Protocol.String()},
		Remote: RemoteEnd{Type: pair.Remote.Typ.String(), Protocol: pair.Remote.Protocol.String()},
	}
	if pair.Local.Typ == webrtc.ICECandidateTypeRelay {
		path.Type = Relayed
		l.describeRelay(&path.Local, pair.Local)
	}
	// If checks arrive from a relayed address before it is signalled, its type is prflx.
	remote, err := netip.ParseAddr(pair.Remote.Address)
	_, known := l.relays[netip.AddrPortFrom(remote, pair.Remote.Port)]
	if pair.Remote.Typ == webrtc.ICECandidateTypeRelay || err == nil && known {
		path.Type, path.Remote.Type = Relayed, string(Relay)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.path = path
	if rtt := time.Duration(numbers.CurrentRoundTripTime * float64(time.Second)); rtt > 0 && len(l.roundTrips) < maxRoundTrips {
		l.roundTrips = append(l.roundTrips, rtt)
	}
}

// describeRelay sets the TURN protocol and URL of the local candidate. It does not use
// Pion's PeerConnection.GetStats, which reads without a lock what the first packet of
// a stream, and the closing of the connection by the other side, write.
func (l *link) describeRelay(end *LocalEnd, local *webrtc.ICECandidate) {
	protocol := string(l.dialer.protocolOf(local))
	end.RelayProtocol = &protocol
	if urls := turnURLs(l.servers, protocol); len(urls) == 1 {
		shown := withoutCredentials(urls[0])
		end.URL = &shown
	}
}

// reportPath returns the path that was sampled last; nil = none.
func (l *link) reportPath() *Path {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.path == nil {
		return nil
	}
	path := *l.path
	path.Changes = max(0, l.pathChanges-1)
	path.RTTMS = distribution(l.roundTrips)
	restarts := l.restarts // only those that this side began
	path.ICERestarts = &restarts
	return &path
}

// distribution summarises times, in milliseconds; nil if there are none.
func distribution(times []time.Duration) *Distribution {
	if len(times) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(times))
	var sum time.Duration
	for _, d := range sorted {
		sum += d
	}
	milliseconds := func(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e3 }
	rank := func(p int) time.Duration { return sorted[(len(sorted)*p+99)/100-1] } // nearest rank
	return &Distribution{
		Min: milliseconds(sorted[0]), Mean: milliseconds(sum / time.Duration(len(sorted))),
		P50: milliseconds(rank(50)), P95: milliseconds(rank(95)), Max: milliseconds(sorted[len(sorted)-1]),
	}
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
		plis, none := t.plis.Load(), int64(0)
		m.PLI, m.FIR = &plis, &none
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
	frames := t.frames.Load()
	m.Flowing = frames > 0
	if m.Kind == "video" {
		m.Frames = &Frames{SentByPeer: &frames}
	}
	encodings := t.sender.GetParameters().Encodings
	if len(encodings) == 0 {
		return
	}
	numbers, ok := l.numbers.get(uint32(encodings[0].SSRC))
	if !ok {
		return
	}
	out := numbers.OutboundRTPStreamStats
	packets, bytes := int64(out.PacketsSent), int64(out.BytesSent) //nolint:gosec // counters of one call
	nack, pli, fir := int64(out.NACKCount), int64(out.PLICount), int64(out.FIRCount)
	m.Packets, m.Bytes, m.NACK, m.PLI, m.FIR = &packets, &bytes, &nack, &pli, &fir
	if in := numbers.RemoteInboundRTPStreamStats; in.PacketsReceived > 0 || in.PacketsLost > 0 { // a receiver report came
		lost, percent := in.PacketsLost, 100*in.FractionLost
		m.Lost, m.LossPct = &lost, &percent
	}
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
