package peer

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"callbox/signaling/protocol"
)

// describe returns a local description as it is sent to the other side.
func (l *link) describe(d *webrtc.SessionDescription) protocol.Description {
	sdp := filterCandidates(d.SDP, func(candidate string) bool { return l.cfg.ICE.allows(candidateType(candidate)) })
	if l.cfg.VideoKbps > 0 {
		sdp = limitVideo(sdp, l.cfg.VideoKbps)
	}
	return protocol.Description{Type: d.Type.String(), SDP: sdp}
}

// allowsRemote reports whether a candidate of the other side may be tried.
func (l *link) allowsRemote(candidate string) bool {
	return l.cfg.ICE.allows(candidateType(candidate)) && (l.cfg.AllowRemote == nil || hasAddress(candidate, l.cfg.AllowRemote))
}

// hasAddress reports whether a candidate has an address that is allowed. Pion's parser reads it, because Pion is who
// uses it: another one could find another address in the same line.
func hasAddress(line string, allowed func(netip.AddrPort) bool) bool {
	candidate, err := ice.UnmarshalCandidate(strings.TrimPrefix(line, "candidate:"))
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(candidate.Address())                                        // fails for a name
	return err == nil && allowed(netip.AddrPortFrom(address.Unmap(), uint16(candidate.Port()))) //nolint:gosec // checked by the parser
}

// filterCandidates removes the candidates from a description that keep does not want. Pion also takes a single CR for
// the end of a line.
func filterCandidates(sdp string, keep func(candidate string) bool) string {
	var kept strings.Builder
	for line := range strings.FieldsFuncSeq(sdp, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if rest, ok := strings.CutPrefix(line, "a=candidate:"); ok && !keep(rest) {
			continue
		}
		kept.WriteString(line)
		kept.WriteString("\r\n")
	}
	return kept.String()
}

// limitVideo asks the receiver of a description to send no more video than that (RFC 8866, section 5.8,
// and RFC 3890, because Firefox obeys the latter). These lines stand before the attributes of the medium.
func limitVideo(sdp string, kbps int) string {
	var limited strings.Builder
	video := false
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "m=") {
			video = strings.HasPrefix(line, "m=video ")
		}
		if video && strings.HasPrefix(line, "a=") {
			fmt.Fprintf(&limited, "b=AS:%d\r\nb=TIAS:%d\r\n", kbps, kbps*1000)
			video = false
		}
		limited.WriteString(line)
	}
	return limited.String()
}
