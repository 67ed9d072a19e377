package vp8

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// packets is count random frames, cut by Pion's payloader, and the frames themselves.
func packets(tb testing.TB, count int, firstSequence uint16) (stream []*rtp.Packet, frames map[uint32][]byte) {
	tb.Helper()
	payloader := &codecs.VP8Payloader{EnablePictureID: true}
	frames = make(map[uint32][]byte)
	r := rand.New(rand.NewPCG(5, 6))
	for n := range count {
		timestamp := uint32(0xffffff00) + uint32(n)*6000
		frame := make([]byte, 1+r.IntN(5000))
		for i := range frame {
			frame[i] = byte(r.Uint32())
		}
		frames[timestamp] = frame
		parts := payloader.Payload(1200, frame)
		for i, part := range parts {
			stream = append(stream, &rtp.Packet{
				Header:  rtp.Header{SequenceNumber: firstSequence, Timestamp: timestamp, Marker: i == len(parts)-1},
				Payload: part,
			})
			firstSequence++
		}
	}
	return stream, frames
}

func collect(a *Assembler, stream []*rtp.Packet) (got []*Frame) {
	for _, p := range stream {
		if f := a.Push(p); f != nil {
			got = append(got, f)
		}
	}
	return got
}

func TestAssembleInOrder(t *testing.T) {
	t.Parallel()
	stream, frames := packets(t, 300, 65000) // sequence numbers and timestamps wrap
	var a Assembler
	got := collect(&a, stream)
	if len(got) != len(frames) || a.Pending() != 0 || a.Incomplete != 0 {
		t.Fatalf("%d of %d frames, %d pending, %d incomplete", len(got), len(frames), a.Pending(), a.Incomplete)
	}
	for i, f := range got {
		if !bytes.Equal(f.Data, frames[f.Timestamp]) {
			t.Fatalf("frame %d differs", i)
		}
		if f.PictureID != i || !f.LongID {
			t.Fatalf("frame %d has picture ID %d", i, f.PictureID)
		}
	}
}

func TestAssembleReorderedAndRepeated(t *testing.T) {
	t.Parallel()
	stream, frames := packets(t, 200, 65000)
	stream = append(stream, stream...) // every packet twice,
	r := rand.New(rand.NewPCG(7, 8))
	slices.SortStableFunc(stream, func(a, b *rtp.Packet) int { return int(int32(a.Timestamp - b.Timestamp)) })
	for i := 0; i+12 <= len(stream); i += 12 { // and shuffled within a dozen
		r.Shuffle(12, func(j, k int) { stream[i+j], stream[i+k] = stream[i+k], stream[i+j] })
	}
	var a Assembler
	got := collect(&a, stream)
	if len(got) != len(frames) || a.Incomplete != 0 {
		t.Fatalf("%d of %d frames, %d incomplete", len(got), len(frames), a.Incomplete)
	}
	for _, f := range got {
		if !bytes.Equal(f.Data, frames[f.Timestamp]) {
			t.Fatal("a frame differs")
		}
	}
}

func TestAssembleCountsWhatNeverCame(t *testing.T) {
	t.Parallel()
	stream, frames := packets(t, 100, 10)
	lost := make(map[uint32]bool)
	var arrived []*rtp.Packet
	for i, p := range stream {
		if i%7 == 3 {
			lost[p.Timestamp] = true
			continue
		}
		arrived = append(arrived, p)
	}
	var a Assembler
	got := collect(&a, arrived)
	if len(got) != len(frames)-len(lost) {
		t.Errorf("%d frames of %d, of which %d were damaged", len(got), len(frames), len(lost))
	}
	for _, f := range got {
		if lost[f.Timestamp] || !bytes.Equal(f.Data, frames[f.Timestamp]) {
			t.Fatal("a damaged frame was given out")
		}
	}
	if a.Pending() > maxPending || a.Incomplete+a.Pending() > len(lost) || a.Incomplete == 0 {
		t.Errorf("%d incomplete, %d pending, %d damaged", a.Incomplete, a.Pending(), len(lost))
	}
}

func TestDescriptor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in        string
		ok, start bool
		id        int
		payload   string
	}{
		"empty":               {"", false, false, -1, ""},
		"plain":               {"\x10x", true, true, -1, "x"},
		"plain, no payload":   {"\x10", false, true, -1, ""},
		"middle":              {"\x00xy", true, false, -1, "xy"},
		"extension missing":   {"\x90", false, true, -1, ""},
		"short id":            {"\x90\x80\x7fx", true, true, 127, "x"},
		"long id":             {"\x90\x80\xff\xffx", true, true, 0x7fff, "x"},
		"long id cut":         {"\x90\x80\xff", false, true, -1, ""},
		"all fields":          {"\x90\xf0\x81\x02\x07\x20x", true, true, 0x102, "x"},
		"all fields, cut":     {"\x90\xf0\x81\x02\x07\x20", false, true, 0x102, ""},
		"key index alone":     {"\x90\x10\x20x", true, true, -1, "x"},
		"level index, no end": {"\x90\x40", false, true, -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, ok := parseDescriptor([]byte(c.in))
			if ok != c.ok || d.start != c.start || d.pictureID != c.id || string(d.payload) != c.payload {
				t.Errorf("got %+v, %v", d, ok)
			}
		})
	}
}

func FuzzAssembler(f *testing.F) {
	f.Add([]byte("\x10\x00\x01\x00\x03abc"))
	f.Add([]byte("\x90\x80\x80\x01\x80\x02\x00\x05xyz\x00\x01\x00\x02zz"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var a Assembler
		for len(in) > 4 { // sequence number, timestamp, marker, length, payload
			length := min(int(in[3]), len(in)-4)
			frame := a.Push(&rtp.Packet{
				Header: rtp.Header{
					SequenceNumber: uint16(int8(in[0])), Timestamp: uint32(in[1]), Marker: in[2]&1 == 1,
				},
				Payload: in[4 : 4+length],
			})
			if frame != nil && frame.Packets == 0 {
				t.Error("a frame of no packets")
			}
			in = in[4+length:]
		}
		if a.Pending() > maxPending {
			t.Errorf("%d frames pending", a.Pending())
		}
	})
}
