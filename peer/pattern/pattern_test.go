package pattern

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"callbox/peer/vp8"
)

func TestStampSurvivesTheCodec(t *testing.T) {
	t.Parallel()
	decoder := vp8.Decoder{MaxPixels: MaxWidth * MaxHeight}
	for _, size := range []Size{{MinWidth, MinHeight}, {320, 240}, {640, 368}, {1280, 720}} {
		for _, want := range []Stamp{
			{0, time.UnixMilli(0)},
			{1, time.UnixMilli(1_795_370_000_123)},
			{0xffffffff, time.UnixMilli(1<<ClockBits - 1)},
			{0xaaaaaaaa, time.UnixMilli(0x555555555555)},
		} {
			picture, err := decoder.Decode(AppendFrame(nil, size, want))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Read(picture)
			if err != nil || got.Number != want.Number || !got.Clock.Equal(want.Clock) {
				t.Errorf("%v: drew %v, read %v, %v", size, want, got, err)
			}
		}
	}
}

// The layout is a contract with readers in other languages: these bits stand
// where the package comment says.
func TestLayout(t *testing.T) {
	t.Parallel()
	p := Draw(Size{320, 240}, Stamp{Number: 0x80000001, Clock: time.UnixMilli(0x800000000001)})
	var rows []string
	for row := range CodeRows {
		var b strings.Builder
		for column := range CodeColumns {
			switch p.At(column, row).Y {
			case One:
				b.WriteByte('1')
			case Zero:
				b.WriteByte('0')
			default:
				b.WriteByte('?')
			}
		}
		rows = append(rows, b.String())
	}
	want := []string{
		"1000000000000000", "0000000000000001",
		"1000000000000000", "0000000000000000", "0000000000000001",
		fmt.Sprintf("%016b", checksum([]byte{0x80, 0, 0, 1, 0x80, 0, 0, 0, 0, 1})),
	}
	if got := strings.Join(rows, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestChecksumVector(t *testing.T) {
	t.Parallel()
	if got := checksum([]byte("123456789")); got != 0x29b1 {
		t.Errorf("got %#x", got)
	}
}

func TestEveryWrongBitIsNoticed(t *testing.T) {
	t.Parallel()
	code := encode(Stamp{Number: 4711, Clock: time.UnixMilli(1_795_370_000_123)})
	for i := range CodeBits {
		wrong := code
		wrong[i/8] ^= 0x80 >> (i % 8)
		if _, err := decode(wrong); err == nil {
			t.Errorf("bit %d is wrong and was not noticed", i)
		}
	}
	if _, err := decode([CodeBits / 8]byte{}); err == nil {
		t.Error("a black picture has a code")
	}
}

func TestEveryFrameMoves(t *testing.T) {
	t.Parallel()
	size := Size{320, 240}
	clock := time.UnixMilli(1_795_370_000_123)
	for n := range uint32(400) {
		a, b := Draw(size, Stamp{n, clock}), Draw(size, Stamp{n + 1, clock})
		moved := 0
		for i := CodeRows * a.Columns; i < len(a.Blocks); i++ {
			if a.Blocks[i] != b.Blocks[i] {
				moved++
			}
		}
		if moved == 0 {
			t.Fatalf("nothing below the code moves from frame %d to the next", n)
		}
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"320x240":      "",
		"256x128":      "",
		"4096x2304":    "",
		"1280X720":     "",
		"640x360":      "multiples of 16; the nearest is 640x368",
		"100x100":      "multiples of 16; the nearest is 256x128",
		"160x128":      "from 256x128 to 4096x2304",
		"8192x2304":    "from 256x128 to 4096x2304",
		"0x0":          "from 256x128",
		"":             "write WIDTHxHEIGHT",
		"320":          "write WIDTHxHEIGHT",
		"320x":         "write WIDTHxHEIGHT",
		"-320x240":     "write WIDTHxHEIGHT",
		"320x240x3":    "write WIDTHxHEIGHT",
		"999999x16":    "write WIDTHxHEIGHT",
		" 320x240":     "write WIDTHxHEIGHT",
		"320×240":      "write WIDTHxHEIGHT",
		"320.0x240.0":  "write WIDTHxHEIGHT",
		"0x140x0xF0":   "write WIDTHxHEIGHT",
		"00320x000240": "write WIDTHxHEIGHT",
	} {
		size, err := ParseSize(text)
		switch {
		case want == "" && (err != nil || !strings.EqualFold(size.String(), text)):
			t.Errorf("%q: %v, %v", text, size, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("320x240")
	f.Add("x")
	f.Fuzz(func(t *testing.T, text string) {
		size, err := ParseSize(text)
		if err == nil && (size.Check() != nil || size.Width > MaxWidth || size.Height > MaxHeight) {
			t.Errorf("%q became %v", text, size)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(AppendFrame(nil, Size{256, 128}, Stamp{1, time.UnixMilli(5)}))
	f.Add(vp8.AppendKeyFrame(nil, vp8.NewPicture(1, 1)))
	f.Add(vp8.AppendKeyFrame(nil, vp8.NewPicture(16, 6)))
	f.Fuzz(func(t *testing.T, frame []byte) {
		decoder := vp8.Decoder{MaxPixels: 320 * 240}
		picture, err := decoder.Decode(frame)
		if err != nil {
			return
		}
		if stamp, err := Read(picture); err == nil && encode(stamp)[0] != byte(stamp.Number>>24) {
			t.Error("a stamp that does not encode to itself")
		}
	})
}
