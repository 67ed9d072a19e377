package mitm

import "strings"

// Lie is where a description has the fingerprint of an end with which the receiver is
// not connected, beside the attacker's own.
type Lie string

// The lies.
const (
	None    Lie = "none"
	Before  Lie = "before"  // the attacker's, in each media section
	After   Lie = "after"   // the attacker's, in each media section
	Session Lie = "session" // level; the attacker's is in each media section
)

const fingerprintPrefix = "a=fingerprint:"

// fingerprintLine returns the first line of a description that has a fingerprint.
func fingerprintLine(sdp string) string {
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, fingerprintPrefix) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// tell returns the attacker's description with a lie: the line of another end.
func (l Lie) tell(sdp, other string) string {
	own := fingerprintLine(sdp)
	lines := map[Lie][]string{None: {own}, Before: {other, own}, After: {own, other}, Session: {own}}[l]
	inMedia := strings.Join(lines, "\r\n") + "\r\n"
	var out strings.Builder
	media := false
	for line := range strings.Lines(sdp) {
		switch {
		case strings.HasPrefix(line, fingerprintPrefix):
			continue
		case strings.HasPrefix(line, "m=") && !media && l == Session:
			out.WriteString(other + "\r\n")
		}
		media = media || strings.HasPrefix(line, "m=")
		out.WriteString(line)
		if strings.HasPrefix(line, "a=mid:") {
			out.WriteString(inMedia)
		}
	}
	return out.String()
}
