package signaling_test

import (
	"os"
	"strings"
	"testing"

	"callbox/signaling/protocol"
)

// TestSamplesOfTheDocument reads the frames that PROTOCOL.md shows.
func TestSamplesOfTheDocument(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.ReplaceAll(string(text), "\n   ", "") // lines that were cut
	seen := make(map[protocol.Type]bool)
	for line := range strings.SplitSeq(joined, "\n") {
		var f protocol.Frame
		var err error
		switch {
		case strings.HasPrefix(line, `> {"`):
			f, err = protocol.DecodeRequest([]byte(line[2:]))
		case strings.HasPrefix(line, `< {"`):
			f, err = protocol.DecodeServerFrame([]byte(line[2:]))
		default:
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		seen[f.FrameType()] = true
	}
	if len(seen) != 15 {
		t.Errorf("the document shows %d types of frames, want all 15: %v", len(seen), seen)
	}
	for _, code := range []protocol.Code{
		protocol.CodeBadFrame, protocol.CodeBadRequest, protocol.CodeNotJoined, protocol.CodeAlreadyJoined,
		protocol.CodeUnauthorized, protocol.CodeNoSuchPeer, protocol.CodeAlone, protocol.CodeQueueFull,
		protocol.CodeTooLarge, protocol.CodeRateLimited, protocol.CodeClosing, protocol.CodeUnknown, protocol.CodeInternal,
	} {
		if !strings.Contains(string(text), "`"+string(code)+"`") {
			t.Errorf("the document does not know the code %s", code)
		}
	}
}
