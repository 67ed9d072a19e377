package frames

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// example is a codec, with frames of which the first is a key frame.
type example struct {
	format    Format
	payloader rtp.Payloader
	frames    [][]byte
}

func examples() map[string]example {
	body := bytes.Repeat([]byte{0x35, 0x7a, 0x91}, 1500) // several packets
	nal := func(header byte, body []byte) []byte {
		return append([]byte{0, 0, 0, 1, header, 0x88}, body...)
	}
	obu := func(kind byte, body []byte) []byte {
		header := []byte{kind<<3 | 2, byte(len(body))}
		if size := len(body); size > 127 {
			header = []byte{header[0], byte(size) | 0x80, byte(size >> 7)}
		}
		return append(header, body...)
	}
	vp9 := func(header byte, body []byte) []byte {
		return append([]byte{header, 0x49, 0x83, 0x42, 0x00, 0x13, 0xf0, 0x0e, 0xf0}, body...)
	}
	return map[string]example{
		"VP9":  {VP9, &codecs.VP9Payloader{}, [][]byte{vp9(0x82, body), vp9(0x86, body[:50]), vp9(0x86, body[:3000])}},
		"H264": {H264, &codecs.H264Payloader{}, [][]byte{nal(0x65, body), nal(0x41, body[:50]), nal(0x41, body[:3000])}},
		"AV1":  {AV1, &codecs.AV1Payloader{}, [][]byte{append(obu(1, body[:10]), obu(6, body)...), obu(6, body[:500]), obu(6, body[:3000])}},
	}
}

// packets returns the packets of frames, from just before their numbers wrap.
func (e example) packets() (all [][]*rtp.Packet) {
	number := uint16(65534)
	for i, f := range e.frames {
		parts := e.payloader.Payload(1200, f)
		var packets []*rtp.Packet
		for n, part := range parts {
			packets = append(packets, &rtp.Packet{
				Header:  rtp.Header{SequenceNumber: number, Timestamp: uint32(i) * 3000, Marker: n == len(parts)-1},
				Payload: part,
			})
			number++
		}
		all = append(all, packets)
	}
	return all
}

func (e example) check(t *testing.T, name string, got []Frame, want ...int) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d frames instead of %v", name, len(got), want)
		return
	}
	for i, n := range want {
		if !bytes.Equal(got[i].Data, e.frames[n]) || got[i].KeyFrame != (n == 0) || got[i].Timestamp != uint32(n)*3000 {
			t.Errorf("%s: frame %d has %d bytes instead of %d, key frame: %v", name, n, len(got[i].Data), len(e.frames[n]), got[i].KeyFrame)
		}
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	for name, e := range examples() {
		all := e.packets()
		a := NewAssembler(e.format)
		var got []Frame
		for i, frame := range all {
			for n, p := range frame {
				complete := a.Push(p)
				if last := n == len(frame)-1; (len(complete) == 1) != last {
					t.Errorf("%s: packet %d of frame %d completes %d frames", name, n, i, len(complete))
				}
				got = append(got, complete...)
			}
		}
		e.check(t, name, got, 0, 1, 2)
		if len(all[0]) < 3 || a.Push(all[1][0]) != nil || a.Incomplete != 0 {
			t.Errorf("%s: %d packets, %d incomplete", name, len(all[0]), a.Incomplete)
		}
	}
}

// What remains of a frame that began before is left out.
func TestBeginsWithinAFrame(t *testing.T) {
	t.Parallel()
	for name, e := range examples() {
		all := e.packets()
		a := NewAssembler(e.format)
		var got []Frame
		for _, p := range all[0][1:] {
			got = append(got, a.Push(p)...)
		}
		for _, frame := range all[1:] {
			for _, p := range frame {
				got = append(got, a.Push(p)...)
			}
		}
		e.check(t, name, got, 1, 2)
	}
}

// In any order, and twice, all frames come in their order.
func TestReordered(t *testing.T) {
	t.Parallel()
	for name, e := range examples() {
		all := e.packets()
		a := NewAssembler(e.format)
		got := a.Push(all[0][0])
		for i := len(all) - 1; i >= 0; i-- {
			for n := len(all[i]) - 1; n >= 0; n-- {
				got = append(got, a.Push(all[i][n])...)
				got = append(got, a.Push(all[i][n])...)
			}
		}
		e.check(t, name, got, 0, 1, 2)
	}
}

// A frame of which a packet stays missing is given up when what waits for it is too old.
func TestLost(t *testing.T) {
	t.Parallel()
	for name, e := range examples() {
		for lost := range 3 {
			all := e.packets()
			a := NewAssembler(e.format)
			got := a.Push(all[0][0])
			for i, frame := range all {
				for n, p := range frame {
					if i == 0 && n == lost%len(frame) && lost > 0 {
						continue
					}
					got = append(got, a.Push(p)...)
				}
			}
			if lost > 0 && len(got) > 0 {
				t.Errorf("%s: %d frames although one before them is missing", name, len(got))
			}
			end := all[2][len(all[2])-1]
			later := &rtp.Packet{
				Header:  rtp.Header{SequenceNumber: end.SequenceNumber + 1, Timestamp: patience, Marker: true},
				Payload: all[1][0].Payload,
			}
			got = append(got, a.Push(later)...)
			if lost > 0 {
				if len(got) != 3 || a.Incomplete != 1 {
					t.Errorf("%s: packet %d lost: %d frames, %d given up", name, lost, len(got), a.Incomplete)
				}
				continue
			}
			if len(got) != 4 || a.Incomplete != 0 {
				t.Errorf("%s: nothing lost: %d frames, %d given up", name, len(got), a.Incomplete)
			}
		}
	}
}

// What a sender can make an Assembler keep is bounded.
func TestBounded(t *testing.T) {
	t.Parallel()
	a := NewAssembler(H264)
	for n := range 3 * maxPackets {
		a.Push(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(2 * n)}, Payload: []byte{0x41, 1}})
		if len(a.waiting) > maxPackets {
			t.Fatalf("%d packets wait", len(a.waiting))
		}
	}
}

func FuzzAssembler(f *testing.F) {
	for _, e := range examples() {
		var in []byte
		for _, frame := range e.packets() {
			for _, p := range frame {
				in = append(in, byte(p.SequenceNumber), byte(p.Timestamp>>8), 0, byte(min(len(p.Payload), 255)))
				in = append(in, p.Payload[:min(len(p.Payload), 255)]...)
			}
		}
		f.Add(in, uint8(e.format))
	}
	f.Fuzz(func(t *testing.T, in []byte, format uint8) {
		a := NewAssembler(Format(format % 3))
		for len(in) > 4 { // sequence number, timestamp, marker, length, payload
			length := min(int(in[3]), len(in)-4)
			frames := a.Push(&rtp.Packet{
				Header:  rtp.Header{SequenceNumber: uint16(int8(in[0])), Timestamp: uint32(in[1]) << 8, Marker: in[2]&1 == 1},
				Payload: in[4 : 4+length],
			})
			in = in[4+length:]
			for _, f := range frames {
				if len(f.Data) == 0 {
					t.Fatal("an empty frame")
				}
			}
			if len(a.waiting) > maxPackets {
				t.Fatalf("%d packets wait", len(a.waiting))
			}
		}
	})
}
