package peer_test

import (
	"flag"
	"testing"
	"time"

	"callbox/peer"
	"callbox/peer/impair"
	"callbox/peer/pattern"
)

var exactFull = flag.Bool("exact.full", false, "bit-exact calls of ten minutes instead of three seconds")

// exactCall makes a call at 30 frames a second and returns the reports of both sides.
func exactCall(t *testing.T, a, b peer.Config) (ofA, ofB *peer.Report) {
	t.Helper()
	length := 3 * time.Second
	if *exactFull {
		length = 10 * time.Minute
	}
	for _, cfg := range []*peer.Config{&a, &b} {
		video, err := peer.Pattern(pattern.Size{Width: 256, Height: 128}, 30)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Video = video
	}
	a.Duration = length
	first, second := join(t, a), join(t, b)
	return first.Wait(), second.Wait()
}

// checkExact checks that one side received every frame that the other sent, from the first
// to the last, intact and once.
func checkExact(t *testing.T, sender, receiver *peer.Report) {
	t.Helper()
	checkMedia(t, receiver)
	var sent int64
	for _, m := range sender.Media {
		if m.Kind == "video" && m.Dir == "send" {
			sent = *m.Frames.SentByPeer
		}
	}
	f := receiver.Received("video").Frames
	if least := int64(30 * 2); sent < least {
		t.Errorf("only %d frames were sent", sent)
	}
	if *f.Received != sent || *f.Intact != sent || *f.Duplicates != 0 || *f.Reordered != 0 {
		t.Errorf("of %d frames, %d were received and %d intact", sent, *f.Received, *f.Intact)
	}
	t.Logf("%d frames sent, %d received, %d intact, missing %v, %d freezes, longest gap %v ms", sent, *f.Received, *f.Intact, f.Missing, *f.Freezes, *f.LongestGapMS)
}

// Without loss, every frame arrives, with the first and the last: make exact does it for
// ten minutes.
func TestEveryFrameArrives(t *testing.T) {
	if *exactFull { // one after the other, these calls would take half an hour
		t.Parallel()
	}
	for _, policy := range []peer.ICEPolicy{peer.All, peer.Relay} {
		t.Run(string(policy), func(t *testing.T) {
			if *exactFull {
				t.Parallel()
			}
			s := serveWithTURN(t)
			a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
			a.ICE, b.ICE = policy, policy
			first, second := exactCall(t, a, b)
			checkExact(t, first, second)
			checkExact(t, second, first)
		})
	}
}

// What the receiver reports agrees, to the packet, with what the impairment did: packets
// that the network lost arrived by RTX, or are missing.
func TestReportAgreesWithImpairment(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	a.Impair = impair.Config{Loss: 0.05, Jitter: 20 * time.Millisecond, Seed: 7}
	sender, receiver := exactCall(t, a, b)
	main, again := impaired(t, sender, impair.RTP, "video", false), impaired(t, sender, impair.RTP, "video", true)
	video, sent := receiver.Received("video"), mediaOf(t, sender, "video", "send")
	t.Logf("sent %d, lost %d; sent again %d, lost %d; received %d, recovered %d, lost %d, NACK sent %d, received %d",
		main.Packets, main.Lost, again.Packets, again.Lost, *video.Packets, *video.RTX, *video.Lost, *video.NACK, *sent.NACK)
	for _, c := range []struct {
		name      string
		got, want int64
	}{
		{"packets sent", *sent.Packets, main.Packets},
		{"packets sent again", *sent.RTX, again.Packets},
		{"packets recovered", *video.RTX, again.Delivered},
		{"packets received, with those received twice", *video.Packets + *video.Dup, main.Delivered + again.Delivered},
		{"packets requested again, of those that were lost", *sent.NACK, *video.NACK},
	} {
		if c.got != c.want {
			t.Errorf("%s: the report says %d, the impairment did %d", c.name, c.got, c.want)
		}
	}
	// A receiver does not know of packets before the first and after the last that it received (RFC 3550, appendix A.3).
	// Each frame fits into two packets.
	unseen := *sent.Frames.SentByPeer - *video.Frames.Received - *video.Frames.MissingCount
	if unknown := main.Packets - *video.Packets - *video.Lost; unknown < 0 || unknown > 2*unseen {
		t.Errorf("packets lost: the report says %d, the impairment did %d; %d frames at either end are missing", *video.Lost, main.Packets-*video.Packets, unseen)
	}
	if main.Lost == 0 || *video.Lost > main.Lost {
		t.Errorf("%d packets were lost, and %d are missing", main.Lost, *video.Lost)
	}
	if again.Packets > 4*main.Lost {
		t.Errorf("%d lost packets were sent again %d times", main.Lost, again.Packets)
	}
	audio := impaired(t, sender, impair.RTP, "audio", false)
	if heard := receiver.Received("audio"); *heard.Packets != audio.Delivered {
		t.Errorf("audio: %d packets received, %d delivered", *heard.Packets, audio.Delivered)
	}
}

// mediaOf returns one direction of the media of a report.
func mediaOf(tb testing.TB, r *peer.Report, kind, dir string) *peer.Media {
	tb.Helper()
	for i := range r.Media {
		if r.Media[i].Kind == kind && r.Media[i].Dir == dir {
			return &r.Media[i]
		}
	}
	tb.Fatalf("no %s %s in the report", dir, kind)
	return nil
}
