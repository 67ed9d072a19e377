package webm

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// write returns a file with blocks.
func write(tb testing.TB, tracks []Track, blocks ...Block) []byte {
	tb.Helper()
	file, err := os.Create(filepath.Join(tb.TempDir(), "a.webm"))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	w, err := NewWriter(file, time.Unix(1_795_000_000, 0), tracks)
	if err != nil {
		tb.Fatal(err)
	}
	for _, b := range blocks {
		if err := w.Write(b); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.SetDuration(time.Minute); err != nil {
		tb.Fatal(err)
	}
	content, err := os.ReadFile(file.Name())
	if err != nil {
		tb.Fatal(err)
	}
	return content
}

func exampleTracks() []Track {
	return []Track{{Codec: VP8, Width: 640, Height: 360}, {Codec: Opus, Private: []byte("OpusHead")}}
}

func exampleBlocks() (blocks []Block) {
	for n := range 400 {
		at := time.Duration(n) * 40 * time.Millisecond
		blocks = append(blocks, Block{Track: 0, Time: at, KeyFrame: n%90 == 0, Data: bytes.Repeat([]byte{byte(n)}, n)})
		if n > 0 {
			blocks = append(blocks, Block{Track: 1, Time: at - 25*time.Millisecond, KeyFrame: true, Data: []byte{byte(n)}})
		}
	}
	// After a pause, and once more out of order.
	return append(blocks, Block{Track: 1, Time: time.Hour, KeyFrame: true, Data: []byte("late")}, Block{Track: 0, Time: time.Hour - time.Second, Data: []byte("v")})
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	blocks := exampleBlocks()
	content := write(t, exampleTracks(), blocks...)
	r, err := NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	tracks := r.Tracks()
	if len(tracks) != 2 || tracks[0].Codec != VP8 || tracks[0].Width != 640 || tracks[0].Height != 360 ||
		tracks[1].Codec != Opus || string(tracks[1].Private) != "OpusHead" {
		t.Errorf("tracks: %+v", tracks)
	}
	for i, want := range blocks {
		got, err := r.Next()
		if err != nil || got.Track != want.Track || got.Time != want.Time || got.KeyFrame != want.KeyFrame || !bytes.Equal(got.Data, want.Data) {
			t.Fatalf("block %d: track %d at %v, %v; want track %d at %v", i, got.Track, got.Time, err, want.Track, want.Time)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	r, err = NewReader(bytes.NewReader(content[:len(content)-1]))
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that was cut off: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	const ebml, segment = "\x1a\x45\xdf\xa3\x80", "\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"
	const track = "\x16\x54\xae\x6b\x85\xae\x83\xd7\x81\x01"
	const cluster = "\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff"
	for name, c := range map[string]struct {
		file string
		want error
	}{
		"empty":                 {"", ErrNotWebM},
		"other":                 {"RIFF....WAVE", ErrNotWebM},
		"no segment":            {ebml, errTracks},
		"no tracks":             {ebml + segment + cluster, errTracks},
		"huge block":            {ebml + segment + track + cluster + "\xa3\x01\x00\x00\x7f\xff\xff\xff\xff", ErrTooLarge},
		"block of unknown size": {ebml + segment + track + cluster + "\xa3\xff", ErrTooLarge},
		"short block":           {ebml + segment + track + cluster + "\xa3\x82\x81\x00\x00\x00", errMalformed},
		"lacing":                {ebml + segment + track + cluster + "\xa3\x85\x81\x00\x00\x02\x00", errLacing},
		"larger than parent":    {ebml + segment + "\x16\x54\xae\x6b\x82\xae\x83\xd7\x81\x01", errMalformed},
		"huge private":          {ebml + segment + "\x63\xa2\x01\x00\x00\x7f\xff\xff\xff\xff", errMalformed},
		"no marker":             {ebml + segment + "\x00", errMalformed},
		"encrypted":             {ebml + segment + "\x6d\x80\x80", errEncoded},
		"scale of 0":            {ebml + segment + "\x2a\xd7\xb1\x81\x00", errMalformed},
		"time too large":        {ebml + segment + track + cluster + "\xe7\x88\xff\xff\xff\xff\xff\xff\xff\xff", errMalformed},
	} {
		r, err := NewReader(bytes.NewReader([]byte(c.file)))
		if err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(write(f, exampleTracks(), exampleBlocks()[:20]...))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := NewReader(bytes.NewReader(in))
		if err != nil {
			return
		}
		for total := 0; ; {
			b, err := r.Next()
			if err != nil {
				return
			}
			if total += len(b.Data); total > len(in) || b.Time < 0 || b.Track >= len(r.Tracks()) {
				t.Fatalf("%d bytes at %v of a file of %d", total, b.Time, len(in))
			}
		}
	})
}
