package ivf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "a.ivf"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	w, err := NewWriter(file, Header{Codec: AV1, Width: 640, Height: 360})
	if err != nil {
		t.Fatal(err)
	}
	want := []Frame{{[]byte("one"), 0}, {[]byte{}, 33 * time.Millisecond}, {bytes.Repeat([]byte("x"), 70000), time.Hour}}
	for _, f := range want {
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetDuration(2 * time.Hour); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(content))
	if err != nil || r.Header != (Header{AV1, 640, 360}) || binary.LittleEndian.Uint32(content[24:]) != 7200000 {
		t.Fatalf("%+v, %v", r.Header, err)
	}
	for i, f := range want {
		got, err := r.Next()
		if err != nil || !bytes.Equal(got.Data, f.Data) || got.Time != f.Time {
			t.Errorf("frame %d: %d bytes at %v, %v", i, len(got.Data), got.Time, err)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	r, _ = NewReader(bytes.NewReader(content[:len(content)-1]))
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that was cut off: %v", err)
	}
}

// A frame that claims to be huge is refused before there is memory for it.
func TestRefuses(t *testing.T) {
	t.Parallel()
	header := func(change func(b []byte)) []byte {
		b := append([]byte("DKIF\x00\x00\x20\x00VP80"), make([]byte, 20+12)...)
		b[16], b[20] = 30, 1
		change(b)
		return b
	}
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"empty":         {nil, ErrNotIVF},
		"short":         {[]byte("DKIF"), ErrNotIVF},
		"other":         {header(func(b []byte) { b[0] = 'X' }), ErrNotIVF},
		"short header":  {header(func(b []byte) { b[6] = 31 }), ErrNotIVF},
		"long header":   {header(func(b []byte) { b[7] = 255 }), ErrNotIVF},
		"no rate":       {header(func(b []byte) { b[16] = 0 }), errTimeBase},
		"no scale":      {header(func(b []byte) { b[20] = 0 }), errTimeBase},
		"huge frame":    {header(func(b []byte) { b[35] = 255 }), ErrTooLarge},
		"huge time":     {header(func(b []byte) { b[43] = 255 }), errTime},
		"missing frame": {header(func(b []byte) { b[32] = 1 }), io.ErrUnexpectedEOF},
	} {
		r, err := NewReader(bytes.NewReader(c.file))
		if err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("DKIF\x00\x00\x20\x00VP80\x40\x01\xf0\x00\x1e\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00abc"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := NewReader(bytes.NewReader(in))
		if err != nil {
			return
		}
		for total := 0; ; {
			frame, err := r.Next()
			if err != nil {
				return
			}
			if total += len(frame.Data); total > len(in) || frame.Time < 0 {
				t.Fatalf("%d bytes at %v of a file of %d", total, frame.Time, len(in))
			}
		}
	})
}
