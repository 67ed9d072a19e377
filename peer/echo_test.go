package peer_test

import (
	"testing"
	"time"

	"callbox/peer"
)

// What a bot sends comes back, every frame intact, whichever side calls. What is lost on the
// way is requested, and sent back late.
func TestEcho(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		s := serve(t, nil)
		mirror, bot := s.bot(t, "mirror"), s.bot(t, "bot")
		mirror.Video, mirror.Audio, mirror.Echo = nil, nil, true
		bot.Duration = 2 * time.Second
		bot.Impair.Loss = 0.02
		var calls []*peer.Call
		if first {
			calls = []*peer.Call{join(t, mirror), join(t, bot)}
		} else {
			call := join(t, bot)
			calls = []*peer.Call{join(t, mirror), call}
		}
		report := calls[1].Wait()
		calls[0].Wait()
		video, audio := report.Received("video"), report.Received("audio")
		if video == nil || audio == nil || video.Frames.Intact == nil || audio.ToneHz == nil {
			t.Fatalf("%s: video %+v, audio %+v", report.Reason, video, audio)
		}
		if *video.Frames.Intact < 30 || *video.Frames.Corrupt != 0 || *audio.ToneHz != peer.ToneHz || *audio.Packets < 80 {
			t.Errorf("%d frames came back, %d corrupt; %d packets of %v Hz", *video.Frames.Intact, *video.Frames.Corrupt, *audio.Packets, *audio.ToneHz)
		}
		if video.LatencyMS == nil {
			t.Error("the time there and back is not known")
		}
	}
}

func TestEchoHasNoSources(t *testing.T) {
	t.Parallel()
	cfg := peer.Config{Server: "http://x", Room: "room", Echo: true}
	if err := cfg.Check(); err != nil {
		t.Error(err)
	}
	cfg.Audio = peer.Tone()
	if err := cfg.Check(); err == nil {
		t.Error("an echo with a source")
	}
}
