package wish

import (
	"strings"
)

// withCandidates returns the description of an offer with its candidates, in the first
// media section: all others are bundled with it.
func withCandidates(o *offer) string {
	var b strings.Builder
	sections := 0
	end := func() {
		if sections == 1 {
			b.WriteString(candidateLines(o.candidates))
		}
	}
	for line := range strings.Lines(o.sdp) {
		if strings.HasPrefix(line, "m=") {
			end()
			sections++
		}
		b.WriteString(line)
	}
	end()
	return b.String()
}

// sections returns how many media sections a description has.
func sections(sdp string) (count int) {
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "m=") {
			count++
		}
	}
	return count
}

// candidateLines returns all candidates and says that there are no more (RFC 8840,
// section 8.2).
func candidateLines(candidates []string) string {
	var b strings.Builder
	for _, c := range candidates {
		b.WriteString("a=" + strings.TrimPrefix(c, "a=") + "\r\n")
	}
	b.WriteString("a=end-of-candidates\r\n")
	return b.String()
}

// fragment returns what an ICE restart changes of an offer (RFC 8840, section 9).
func fragment(o *offer) string {
	var b strings.Builder
	b.WriteString("a=ice-ufrag:" + attribute(o.sdp, "ice-ufrag") + "\r\n")
	b.WriteString("a=ice-pwd:" + attribute(o.sdp, "ice-pwd") + "\r\n")
	for line := range strings.Lines(o.sdp) {
		if strings.HasPrefix(line, "a=group:BUNDLE") {
			b.WriteString(line)
		}
		if strings.HasPrefix(line, "m=") {
			b.WriteString(line)
			break
		}
	}
	b.WriteString("a=mid:" + attribute(o.sdp, "mid") + "\r\n")
	b.WriteString(candidateLines(o.candidates))
	return b.String()
}

// withFragment returns a description with the user name, password and candidates of a
// fragment instead of its own. What the fragment does not have stays.
func withFragment(sdp, fragment string) string {
	var candidates []string
	for line := range strings.Lines(fragment) {
		if c, ok := strings.CutPrefix(strings.TrimSpace(line), "a=candidate:"); ok && len(candidates) < maxCandidates {
			candidates = append(candidates, "candidate:"+c)
		}
	}
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		name, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "a=")), ":")
		switch name {
		case "candidate", "end-of-candidates":
			continue
		case "ice-ufrag", "ice-pwd":
			if value := attribute(fragment, name); value != "" {
				line = "a=" + name + ":" + value + "\r\n"
			}
		}
		b.WriteString(line)
	}
	return withCandidates(&offer{sdp: b.String(), candidates: candidates})
}

// attribute returns the value of the first attribute of a name; "" = there is none.
func attribute(sdp, name string) string {
	for line := range strings.Lines(sdp) {
		if value, ok := strings.CutPrefix(line, "a="+name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
