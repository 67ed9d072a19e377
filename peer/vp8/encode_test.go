package vp8

import (
	"bytes"
	"fmt"
	"image"
	"math/rand/v2"
	"testing"

	"golang.org/x/image/vp8"
)

// decode uses x/image's decoder directly, so that the encoder is measured by a foreign one.
func decode(tb testing.TB, frame []byte) *image.YCbCr {
	tb.Helper()
	d := vp8.NewDecoder()
	d.Init(bytes.NewReader(frame), len(frame))
	header, err := d.DecodeFrameHeader()
	if err != nil || !header.KeyFrame || !header.ShowFrame {
		tb.Fatalf("header %+v, error %v", header, err)
	}
	picture, err := d.DecodeFrame()
	if err != nil {
		tb.Fatal(err)
	}
	return picture
}

// wrongPixels counts the pixels that are not exactly what p says, of all planes.
func wrongPixels(p *Picture, got *image.YCbCr) (wrong int) {
	if got.Rect != image.Rect(0, 0, p.Columns*BlockSize, p.Rows*BlockSize) {
		return -1
	}
	for y := range got.Rect.Dy() {
		for x := range got.Rect.Dx() {
			c, want := got.YCbCrAt(x, y), *p.At(x/BlockSize, y/BlockSize)
			if (Color{c.Y, c.Cb, c.Cr}) != want {
				wrong++
			}
		}
	}
	return wrong
}

func randomPicture(columns, rows int, seed uint64) *Picture {
	r := rand.New(rand.NewPCG(seed, 1))
	p := NewPicture(columns, rows)
	for i := range p.Blocks {
		if i > 0 && r.IntN(3) == 0 { // runs, so that blocks are skipped too
			p.Blocks[i] = p.Blocks[i-1]
			continue
		}
		p.Blocks[i] = Color{uint8(r.Uint32()), uint8(r.Uint32()), uint8(r.Uint32())}
	}
	return p
}

func TestEveryPixelIsExact(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{1, 1}, {1, 9}, {9, 1}, {20, 15}, {40, 23}, {80, 45}} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%dx%d/%d", size[0], size[1], seed), func(t *testing.T) {
				t.Parallel()
				p := randomPicture(size[0], size[1], seed)
				if wrong := wrongPixels(p, decode(t, AppendKeyFrame(nil, p))); wrong != 0 {
					t.Errorf("%d pixels differ", wrong)
				}
			})
		}
	}
}

// Every step between two neighbours that a byte can make goes through its own
// token category: all of them must come out exact.
func TestEveryStepIsExact(t *testing.T) {
	t.Parallel()
	p := NewPicture(16, 32)
	for i := range p.Blocks {
		level := uint8(i / 2)
		if i%2 == 1 {
			level = 255 - level
		}
		p.Blocks[i] = Color{level, 255 - level, level}
	}
	if wrong := wrongPixels(p, decode(t, AppendKeyFrame(nil, p))); wrong != 0 {
		t.Errorf("%d pixels differ", wrong)
	}
}

func TestFlatPictureIsSmallAndExact(t *testing.T) {
	t.Parallel()
	p := NewPicture(80, 45)
	frame := AppendKeyFrame(nil, p)
	if wrong := wrongPixels(p, decode(t, frame)); wrong != 0 {
		t.Errorf("%d pixels differ", wrong)
	}
	if len(frame) > 2000 {
		t.Errorf("a black 1280x720 frame has %d bytes", len(frame))
	}
}

func TestAppendKeyFrameKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	p := randomPicture(20, 15, 3)
	alone := AppendKeyFrame(nil, p)
	if got := AppendKeyFrame([]byte("abc"), p); !bytes.Equal(got, append([]byte("abc"), alone...)) {
		t.Error("the frame depends on what stands before it")
	}
}

func FuzzEncode(f *testing.F) {
	f.Add(uint8(3), []byte("a picture of some blocks"))
	f.Add(uint8(1), []byte{255, 0, 255, 0, 255, 0})
	f.Fuzz(func(t *testing.T, columns uint8, colors []byte) {
		blocks := min(len(colors)/3, MaxSide/BlockSize) // no side gets longer
		if columns == 0 || blocks < int(columns) {
			return
		}
		p := NewPicture(int(columns), blocks/int(columns))
		for i := range p.Blocks {
			p.Blocks[i] = Color{colors[3*i], colors[3*i+1], colors[3*i+2]}
		}
		if wrong := wrongPixels(p, decode(t, AppendKeyFrame(nil, p))); wrong != 0 {
			t.Errorf("%d pixels differ", wrong)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	for _, size := range [][2]int{{20, 15}, {40, 23}, {80, 45}} {
		b.Run(fmt.Sprintf("%dx%d", size[0]*BlockSize, size[1]*BlockSize), func(b *testing.B) {
			p := randomPicture(size[0], size[1], 1)
			var frame []byte
			for b.Loop() {
				frame = AppendKeyFrame(frame[:0], p)
			}
			b.ReportMetric(float64(len(frame)), "B/frame")
		})
	}
}
