package signaling_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"callbox/signaling"
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
	if len(seen) != 18 {
		t.Errorf("the document shows %d types of frames, want all 18: %v", len(seen), seen)
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
	for _, reason := range []protocol.Reason{protocol.ReasonLeft, protocol.ReasonTimeout, protocol.ReasonReplaced, protocol.ReasonKicked} {
		if !strings.Contains(string(text), "\n| `"+string(reason)+"` |") {
			t.Errorf("the document does not know the reason %s", reason)
		}
	}
	for _, code := range protocol.CloseCodes() {
		row := regexp.MustCompile(`(?m)^\| [\d, ]*\b` + strconv.Itoa(code) + `\b.*\| (yes|no)[^|]*\|$`).FindSubmatch(text)
		if row == nil || string(row[1]) != map[bool]string{true: "yes", false: "no"}[protocol.IsFinalClose(code)] {
			t.Errorf("the document says of the close code %d: %q", code, row)
		}
	}
}

// TestFiguresOfTheDocument compares the limits in PROTOCOL.md with the code.
func TestFiguresOfTheDocument(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	l := signaling.DefaultLimits()
	for _, want := range []string{
		fmt.Sprintf("| frame from a client | %d KiB |", l.FrameBytes>>10),
		fmt.Sprintf("| room name | 1 to %d code points |", l.RoomName),
		fmt.Sprintf("| peer name | %d code points,", l.PeerName),
		fmt.Sprintf("| frames, for each connection | %d a second, %d at once |", l.FramesPerSecond, l.FrameBurst),
		fmt.Sprintf("| joins, for each address | %d a second, %d at once |", l.JoinsPerSecond, l.JoinBurst),
		fmt.Sprintf("| connections, for each address | %d |", l.Connections),
		fmt.Sprintf("those of broken connections included | %d |", l.Connections),
		fmt.Sprintf("after `leave` | %.0f s |", l.JoinWithin.Seconds()),
		fmt.Sprintf("| grace of a seat | %.0f s |", signaling.DefaultGrace.Seconds()),
		fmt.Sprintf("| ping | every %.0f s |", signaling.DefaultPing.Seconds()),
		fmt.Sprintf("| life of a resume token | %.0f hour |", signaling.ResumeLife.Hours()),
		fmt.Sprintf("At most %d messages, and %d MiB of them", l.QueueEvents, l.QueueBytes>>20),
		fmt.Sprintf("1 to %d printable ASCII\n  characters", protocol.MaxNonce),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the document does not say %q", want)
		}
	}
	if n := strings.Count(string(text), "```mermaid\nsequenceDiagram\n"); n != 5 {
		t.Errorf("the document has %d stories, want 5", n)
	}
	if strings.Contains(strings.ToLower(string(text)), "*reserved") {
		t.Error("the document still calls something reserved")
	}
}

// TestCurlOfTheDocument runs the commands that PROTOCOL.md shows.
func TestCurlOfTheDocument(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the commands need %s: %v", tool, err)
		}
	}
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```sh\n")
	if len(blocks) != 3 {
		t.Fatalf("the document has %d blocks of commands, want 2", len(blocks)-1)
	}
	commands, _, _ := strings.Cut(blocks[1], "```")
	again, _, _ := strings.Cut(blocks[2], "```")
	server := serve(t, signaling.Config{Capacity: 2, Grace: patience, Ping: patience, Limits: signaling.DefaultLimits()})
	at := "at=" + server.url + "/api/v1\n"
	_, commands, _ = strings.Cut(commands, "\n") // the line with another server's address
	out, err := exec.CommandContext(within(t), "bash", "-c", at+commands+"wait\n"+again).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`{"type":"joined","id":1,"room":"quiet-river-lamp"`, `"code":"alone"`, "event: close\ndata: {\"code\":1000,"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands print\n%s\nwithout %s", out, want)
		}
	}
}
