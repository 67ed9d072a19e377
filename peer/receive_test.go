package peer

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"callbox/peer/pattern"
)

// sendTo splits frames into packets as Pion does and passes them to a receiver.
type sendTo struct {
	v         *videoReceiver
	payloader codecs.VP8Payloader
	sequence  uint16
	timestamp uint32
	now       time.Time
}

func newSendTo(v *videoReceiver) *sendTo {
	return &sendTo{v: v, payloader: codecs.VP8Payloader{EnablePictureID: true}, now: time.Unix(1_795_000_000, 0)}
}

// frame sends one frame; lose drops its packets, so that their numbers are missing.
func (s *sendTo) frame(data []byte, lose bool) {
	parts := s.payloader.Payload(1200, data)
	for i, part := range parts {
		if !lose {
			s.v.push(&rtp.Packet{
				Header:  rtp.Header{SequenceNumber: s.sequence, Timestamp: s.timestamp, Marker: i == len(parts)-1},
				Payload: part,
			}, s.now)
		}
		s.sequence++
	}
	s.timestamp += 6000
	s.now = s.now.Add(time.Second / 15)
}

func (s *sendTo) report() Media {
	var m Media
	s.v.fill(&m, s.now)
	return m
}

func patternFrame(n int) []byte {
	clock := time.Unix(1_795_000_000, 0).Add(time.Duration(n) * time.Second / 15)
	return pattern.AppendFrame(nil, pattern.Size{Width: 256, Height: 128}, pattern.Stamp{Number: uint32(n), Clock: clock})
}

func TestLostAndDamagedFrames(t *testing.T) {
	t.Parallel()
	s := newSendTo(newVideoReceiver("0", nil, nil, nil))
	for n := range 40 {
		frame := patternFrame(n)
		switch n {
		case 7:
			frame = frame[:len(frame)/2] // does not decode
		case 9:
			frame[len(frame)/2] ^= 0x10
		}
		s.frame(frame, n == 20 || n == 21)
	}
	m := s.report()
	f := m.Frames
	if *f.Received != 38 || *f.Intact != 36 || *f.Corrupt != 2 || *f.MissingCount != 2 || *f.ReceivedPct != 95 || *f.Duplicates != 0 {
		t.Errorf("%d received, %d intact, %d corrupt, %v missing, %v %%", *f.Received, *f.Intact, *f.Corrupt, f.Missing, *f.ReceivedPct)
	}
	if *m.Lost == 0 || *f.FPS < 14 || *f.FPS > 15.5 {
		t.Errorf("%d lost, %v fps", *m.Lost, *f.FPS)
	}
}

// Picture IDs of 15 bits wrap; the numbers go on.
func TestPictureIDsWrap(t *testing.T) {
	t.Parallel()
	s := newSendTo(newVideoReceiver("0", nil, nil, nil))
	inter := []byte{0x11, 0, 0, 1}
	const count = 1<<15 + 100
	for n := range count {
		s.frame(inter, n == 1<<15-2)
	}
	m := s.report()
	if f := m.Frames; *f.Received != count-1 || *f.MissingCount != 1 || *f.Duplicates != 0 || f.Intact != nil {
		t.Errorf("%d received, %d missing, %d twice", *f.Received, *f.MissingCount, *f.Duplicates)
	}
	if *m.KeyFramesDecoded != 0 {
		t.Errorf("%d inter frames were decoded", *m.KeyFramesDecoded)
	}
}

// One barcode that is right by chance does not make a video the pattern.
func TestOneBarcodeIsChance(t *testing.T) {
	t.Parallel()
	s := newSendTo(newVideoReceiver("0", nil, nil, nil))
	damaged := patternFrame(3)
	damaged[len(damaged)-1] ^= 1
	s.frame(damaged, false)
	for range 5 {
		s.frame([]byte{0x11, 0, 0, 1}, false)
	}
	if f := s.report().Frames; f.Intact != nil || *f.Received != 6 {
		t.Errorf("frames: %+v", f)
	}
}

func FuzzVideoReceiver(f *testing.F) {
	f.Add([]byte("\x00\x01\x01\x08\x90\x80\x80\x01abcd"), uint8(1))
	f.Add(append([]byte{0, 1, 1, 255, 0x10}, patternFrame(1)[:250]...), uint8(9))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		v := newVideoReceiver("0", nil, nil, nil)
		v.decoder.MaxPixels = 320 * 240
		now := time.Unix(1_795_000_000, 0)
		for len(in) > 4 { // sequence number, timestamp, marker, length, payload
			length := min(int(in[3]), len(in)-4)
			v.push(&rtp.Packet{
				Header:  rtp.Header{SequenceNumber: uint16(int8(in[0])), Timestamp: uint32(in[1]), Marker: in[2]&1 == 1},
				Payload: in[4 : 4+length],
			}, now)
			in = in[4+length:]
			now = now.Add(time.Duration(step) * time.Millisecond)
		}
		var m Media
		v.fill(&m, now)
		if p := m.Frames.ReceivedPct; p != nil && (*p <= 0 || *p > 100) {
			t.Errorf("%v %% of the frames", *p)
		}
		if m.LossPct != nil && (*m.LossPct < 0 || *m.LossPct > 100) {
			t.Errorf("%v %% of the packets lost", *m.LossPct)
		}
	})
}
