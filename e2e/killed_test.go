package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKilled kills the server during direct calls and starts it again. No frame is
// missing, a first shared screen and an ICE restart need no server, both peers rejoin
// the room with the same peer ids, and what needs the server works again.
func TestKilled(t *testing.T) {
	connectClients(t)
	for _, kinds := range [][2]string{{"chromium", "chromium"}, {"chromium", "bot"}, {"bot", "bot"}} {
		t.Run(kinds[0]+"-"+kinds[1], func(t *testing.T) { testKilled(t, kinds) })
	}
}

func testKilled(t *testing.T, kinds [2]string) {
	t.Helper()
	lab, s := sharedLab(t), startServer(t)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	const room = "survives"
	// If there is a page, it ends the call.
	duration := 10 * time.Second
	if slices.Contains(kinds[:], "chromium") {
		duration = 2 * time.Minute
	}
	var tabs []*tab
	var bots []*botProcess
	for i, at := range []string{"a", "b"} {
		if kinds[i] == "bot" {
			bots = append(bots, startBot(t, namespaceOf(lab, at), s, room, "direct", duration))
		} else {
			tb := openAt(t, side{kinds[i], at}, s, room, url.Values{"lang": {"en"}})
			tb.join()
			tabs = append(tabs, tb)
		}
		s.awaitPeers(t, i+1)
	}
	for i, tb := range tabs {
		want := expected{side{kinds[1-i], "ba"[i : i+1]}.source(), "direct"}
		if found := tb.observeUntil(want).check(want); len(found) > 0 {
			t.Fatalf("before the server was killed:\n%v", found)
		}
		tb.keepPC()
	}
	awaitVideo(t, bots)
	if len(tabs) == 2 && tabs[0].code() != tabs[1].code() {
		t.Error("the pages show different safety codes")
	}
	before := s.peersOf(t, room)

	s.kill(t)
	useWithoutServer(tabs...)
	s.startAgain(t)
	if err := eventually(t, patience, func() error {
		if now := s.peersOf(t, room); !slices.Equal(now, before) {
			return fmt.Errorf("the peers in the room are %q, were %q", now, before)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	for _, tb := range tabs {
		tb.until(`callbox.signaling.phase === "up"`)
		tb.until(samePC)
	}
	if len(tabs) == 2 {
		testScreen(tabs[0], tabs[1])
		testScreen(tabs[1], tabs[0])
	} else if len(tabs) == 1 {
		tabs[0].click("screen")
		tabs[0].until(`callbox.pc.getStats().then((all) => [...all.values()].filter((s) =>
			s.type === "outbound-rtp" && s.kind === "video" && s.framesSent > 0).length === 2)`)
	}
	for i, tb := range tabs {
		if v := tb.video(); v.Lost != 0 {
			t.Errorf("page %d: %d of %d packets of the video are missing", i, v.Lost, v.Packets)
		}
		tb.until(samePC)
	}
	if len(tabs) > 0 {
		tabs[0].click("leave")
	}
	for i, b := range bots {
		report := b.report(t)
		if report.ExitCode != 0 {
			t.Errorf("bot %d: exit code %d", i, report.ExitCode)
		}
		if !strings.Contains(b.process.stdout.String(), "The signaling server can be reached again.") {
			t.Errorf("bot %d does not say that it can reach the server again", i)
		}
		if video := report.Received("video"); video == nil || video.Frames == nil || value(video.Frames.MissingCount) != 0 {
			t.Errorf("bot %d: frames are missing: %+v", i, video)
		}
	}
}

// useWithoutServer does what needs no server: video still arrives, and two pages share a screen for the first time and
// restart ICE.
func useWithoutServer(tabs ...*tab) {
	for _, tb := range tabs {
		tb.t.Helper()
		tb.until(fmt.Sprintf("(%s).then((v) => v.frames >= %d)", receivedVideo, tb.video().Frames+30))
	}
	if len(tabs) == 2 {
		testScreenAlone(tabs[0], tabs[1])
		testRestart(tabs[0], tabs[1])
		testRestart(tabs[1], tabs[0])
	}
}

// awaitVideo waits until each bot receives video.
func awaitVideo(t *testing.T, bots []*botProcess) {
	t.Helper()
	err := eventually(t, patience, func() error {
		for _, b := range bots {
			if !strings.Contains(b.process.stdout.String(), "Receiving video.") {
				return errors.New("a bot receives no video")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// receivedVideo returns the statistics of the video that the page receives.
const receivedVideo = `callbox.pc.getStats().then((all) => {
	const video = [...all.values()].find((s) => s.type === "inbound-rtp" && s.kind === "video");
	return {frames: video.framesDecoded, packets: video.packetsReceived, lost: video.packetsLost};
})`

type video struct{ Frames, Packets, Lost int }

func (tb *tab) video() video {
	tb.t.Helper()
	return eval[video](tb, receivedVideo)
}

// peersOf returns the ids of the connected peers in the room, in the order of their
// seats.
func (s *server) peersOf(t *testing.T, room string) []string {
	t.Helper()
	var ids []string
	for _, p := range s.seats(t, room) {
		if p.State == "connected" {
			ids = append(ids, p.Peer)
		}
	}
	return ids
}

// seat is a peer in a room, connected or not.
type seat struct{ Peer, State string }

// seats returns the peers in the room.
func (s *server) seats(t *testing.T, room string) []seat {
	t.Helper()
	text, err := s.getAdmin(t.Context(), "/rooms")
	if err != nil {
		t.Fatal(err)
	}
	var rooms []struct {
		Name  string
		Peers []seat
	}
	if err := json.Unmarshal([]byte(text), &rooms); err != nil {
		t.Fatal(err)
	}
	for _, r := range rooms {
		if r.Name == room {
			return r.Peers
		}
	}
	return nil
}

// kill ends the server with SIGKILL.
func (s *server) kill(t *testing.T) {
	t.Helper()
	s.client.CloseIdleConnections()
	if err := s.process.command.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.process.ended
}

// startAgain starts a server that was killed, with the same addresses and data.
func (s *server) startAgain(t *testing.T) {
	t.Helper()
	https, err := url.Parse(s.ready.HTTPS)
	if err != nil {
		t.Fatal(err)
	}
	again := startServer(t, append(s.flags, "--https", ":"+https.Port())...)
	s.process, s.ready = again.process, again.ready
}
