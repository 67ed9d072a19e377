package vp8

import (
	"errors"
	"runtime"
	"testing"
)

func TestDecodeGivesThePictureBack(t *testing.T) {
	t.Parallel()
	d := Decoder{MaxPixels: 640 * 480}
	for _, size := range [][2]int{{40, 30}, {20, 15}, {16, 30}} { // smaller ones reuse the memory
		p := randomPicture(size[0], size[1], 9)
		got, err := d.Decode(AppendKeyFrame(nil, p))
		if err != nil {
			t.Fatal(err)
		}
		if wrong := wrongPixels(p, got); wrong != 0 {
			t.Errorf("%v: %d pixels differ", size, wrong)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	whole := AppendKeyFrame(nil, randomPicture(20, 15, 2))
	changed := func(change func(b []byte)) []byte {
		b := append([]byte(nil), whole...)
		change(b)
		return b
	}
	for name, c := range map[string]struct {
		frame []byte
		want  error
	}{
		"nothing":         {nil, ErrMalformed},
		"header only":     {whole[:9], ErrMalformed},
		"cut short":       {whole[:200], ErrMalformed},
		"inter frame":     {changed(func(b []byte) { b[0] |= 1 }), ErrNotKeyFrame},
		"no start code":   {changed(func(b []byte) { b[3] = 0 }), ErrMalformed},
		"no size":         {changed(func(b []byte) { b[6], b[7] = 0, 0 }), ErrMalformed},
		"16383x16383":     {changed(func(b []byte) { b[6], b[7], b[8], b[9] = 0xff, 0x3f, 0xff, 0x3f }), ErrTooLarge},
		"a bit too large": {changed(func(b []byte) { b[6]++ }), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Decoder{MaxPixels: 320 * 240}
			if _, err := d.Decode(c.frame); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestHugeSizeAllocatesNothing(t *testing.T) {
	frame := AppendKeyFrame(nil, randomPicture(20, 15, 2))
	frame[6], frame[7], frame[8], frame[9] = 0xff, 0x3f, 0xff, 0x3f
	d := Decoder{MaxPixels: 1920 * 1088}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := d.Decode(frame); err == nil {
			t.Fatal("decoded")
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("100 refusals allocated %d bytes", grown)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(AppendKeyFrame(nil, randomPicture(2, 2, 1)))
	f.Add(AppendKeyFrame(nil, NewPicture(20, 15)))
	f.Add([]byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00})
	f.Add([]byte{0x11, 0, 0})
	f.Fuzz(func(t *testing.T, frame []byte) {
		d := Decoder{MaxPixels: 320 * 240}
		picture, err := d.Decode(frame)
		if err != nil {
			return
		}
		width, height, err := ParseHeader(frame)
		if err != nil || picture.Rect.Dx() != width || picture.Rect.Dy() != height {
			t.Errorf("picture %v, header %dx%d, error %v", picture.Rect, width, height, err)
		}
	})
}
