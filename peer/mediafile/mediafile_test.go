package mediafile

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/rtpdump"

	"callbox/peer"
	"callbox/peer/ivf"
	"callbox/peer/opus"
	"callbox/peer/webm"
)

// create writes a file.
func create(tb testing.TB, name string, write func(out *os.File) error) string {
	tb.Helper()
	name = filepath.Join(tb.TempDir(), name)
	out, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	if err := write(out); err != nil {
		tb.Fatal(err)
	}
	return name
}

// expect checks the next sample, and when it comes.
func expect(t *testing.T, s peer.Source, start time.Time, data string, at, length time.Duration) {
	t.Helper()
	sample, err := s.Next(t.Context(), s.Codecs()[0])
	if err != nil {
		t.Fatal(err)
	}
	if string(sample.Data) != data || time.Since(start) != at || sample.Duration != length {
		t.Errorf("%q for %v after %v, want %q for %v after %v", sample.Data, sample.Duration, time.Since(start), data, length, at)
	}
}

const ms = time.Millisecond

// A file is sent at the pace of its times, again and again; it may be cut off.
func TestIVF(t *testing.T) {
	t.Parallel()
	name := create(t, "a.IVF", func(out *os.File) error {
		w, err := ivf.NewWriter(out, ivf.Header{Codec: ivf.VP9})
		return errors.Join(err, w.Write(ivf.Frame{Data: []byte("a")}), w.Write(ivf.Frame{Data: []byte("b"), Time: 40 * ms}),
			w.Write(ivf.Frame{Data: []byte("c"), Time: 70 * ms}), w.Write(ivf.Frame{Data: []byte("cut off"), Time: 100 * ms}), cut(out))
	})
	synctest.Test(t, func(t *testing.T) {
		s, err := Video(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Codecs()[0] != peer.VP9 {
			t.Error(s.Codecs())
		}
		start := time.Now()
		for round := range 3 {
			from := time.Duration(round) * 100 * ms
			expect(t, s, start, "a", from, 40*ms)
			expect(t, s, start, "b", from+40*ms, 30*ms)
			expect(t, s, start, "c", from+70*ms, 30*ms)
		}
	})
}

// cut removes the last byte of a file.
func cut(f *os.File) error {
	info, err := f.Stat()
	return errors.Join(err, f.Truncate(info.Size()-1))
}

func TestH264(t *testing.T) {
	t.Parallel()
	name := create(t, "a.h264", func(out *os.File) error {
		_, err := out.WriteString("\x00\x00\x01\x65\x88\x00\x00\x01\x41\x9a")
		return err
	})
	synctest.Test(t, func(t *testing.T) {
		s, err := Video(name, Options{FPS: 50})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		expect(t, s, start, "\x00\x00\x00\x01\x65\x88", 0, 20*ms)
		expect(t, s, start, "\x00\x00\x00\x01\x41\x9a", 20*ms, 20*ms)
		expect(t, s, start, "\x00\x00\x00\x01\x65\x88", 40*ms, 20*ms)
	})
}

func TestOgg(t *testing.T) {
	t.Parallel()
	tone := opus.Tone()
	name := create(t, "a.opus", func(out *os.File) error {
		w, err := opus.NewOggWriter(out, 7)
		return errors.Join(err, w.Write(tone[0], 0), w.Write(tone[1], 20*ms), w.End())
	})
	synctest.Test(t, func(t *testing.T) {
		s, err := Audio(name)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for n := range 6 {
			expect(t, s, start, string(tone[n%2]), time.Duration(n)*20*ms, 20*ms)
		}
	})
}

// Both tracks of a WebM file can be sent.
func TestWebM(t *testing.T) {
	t.Parallel()
	tone := opus.Tone()
	name := create(t, "a.webm", func(out *os.File) error {
		w, err := webm.NewWriter(out, time.Now(), []webm.Track{{Codec: webm.Opus, Private: opus.Head()}, {Codec: webm.VP8}})
		return errors.Join(err, w.Write(webm.Block{Track: 0, Data: tone[0]}), w.Write(webm.Block{Track: 1, Time: 10 * ms, Data: []byte("a")}),
			w.Write(webm.Block{Track: 0, Time: 20 * ms, Data: tone[1]}), w.Write(webm.Block{Track: 1, Time: 60 * ms, Data: []byte("b")}))
	})
	synctest.Test(t, func(t *testing.T) {
		video, err := Video(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		audio, err := Audio(name)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		expect(t, video, start, "a", 0, 50*ms)
		expect(t, audio, start, string(tone[0]), 0, 20*ms)
		expect(t, audio, start, string(tone[1]), 20*ms, 20*ms)
		expect(t, audio, start, string(tone[0]), 40*ms, 20*ms)
		expect(t, video, start, "b", 50*ms, 50*ms)
		expect(t, video, start, "a", 100*ms, 50*ms)
	})
}

// writeDump writes packets with these numbers, each ten milliseconds after the one before.
func writeDump(out io.Writer, numbers ...uint16) error {
	w, err := rtpdump.NewWriter(out, rtpdump.Header{Source: net.IPv4zero})
	for i, n := range numbers {
		raw, faulty := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: n, SSRC: 7}, Payload: []byte{byte(n)}}).Marshal()
		err = errors.Join(err, faulty, w.WritePacket(rtpdump.Packet{Offset: time.Duration(i+1) * 10 * ms, Payload: raw}))
	}
	return err
}

// A dump is replayed once, with its times, its order and its gaps.
func TestDump(t *testing.T) {
	t.Parallel()
	name := create(t, "call.h264.rtpdump", func(out *os.File) error {
		err := writeDump(out, 5, 9, 8)
		_, faulty := out.WriteString("cut")
		return errors.Join(err, faulty)
	})
	synctest.Test(t, func(t *testing.T) {
		s, err := Dump(name)
		if err != nil || s.Codecs()[0] != peer.H264 {
			t.Fatal(err)
		}
		start := time.Now()
		for i, number := range []uint16{5, 9, 8} {
			sample, err := s.Next(t.Context(), peer.H264)
			if err != nil || sample.Packet.SequenceNumber != number || time.Since(start) != time.Duration(i+1)*10*ms {
				t.Errorf("packet %v after %v, %v", sample.Packet, time.Since(start), err)
			}
		}
		if _, err := s.Next(t.Context(), peer.H264); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	video := func(name string) (peer.Source, error) { return Video(name, Options{}) }
	text := func(content string) func(*os.File) error {
		return func(out *os.File) error {
			_, err := out.WriteString(content)
			return err
		}
	}
	audioOnly := func(out *os.File) error {
		w, err := webm.NewWriter(out, time.Now(), []webm.Track{{Codec: "A_VORBIS"}})
		return errors.Join(err, w.Write(webm.Block{Data: []byte("x")}))
	}
	empty := func(out *os.File) error {
		_, err := ivf.NewWriter(out, ivf.Header{Codec: ivf.VP8})
		return err
	}
	dump := func(out *os.File) error { return writeDump(out, 1) }
	for name, c := range map[string]struct {
		file  string
		write func(*os.File) error
		open  func(string) (peer.Source, error)
		want  string
	}{
		"other extension": {"a.avi", text(""), video, "must be .ivf, .h264, .webm or .rtpdump"},
		"other audio":     {"a.mp3", text(""), Audio, "must be .ogg, .opus, .webm or .rtpdump"},
		"no IVF":          {"a.ivf", text("x"), video, "header of an IVF file"},
		"no frame":        {"a.ivf", empty, video, "nothing to send"},
		"other codec":     {"a.ivf", text("DKIF\x00\x00\x20\x00H264\x00\x00\x00\x00\x1e\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), video, `"H264"`},
		"no H.264":        {"a.h264", text("x"), video, "start code"},
		"no Ogg":          {"a.ogg", text("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), Audio, "Ogg page"},
		"empty Ogg":       {"a.ogg", text(""), Audio, "nothing to send"},
		"no WebM":         {"a.webm", text("x"), video, "EBML"},
		"no track":        {"a.webm", audioOnly, video, `no video that can be sent, only "A_VORBIS"`},
		"no codec":        {"a.rtpdump", text(""), video, "must say the codec"},
		"no dump":         {"a.vp8.rtpdump", text("x"), Dump, "malformed"},
		"empty dump":      {"a.vp8.rtpdump", func(out *os.File) error { return writeDump(out) }, Dump, "nothing to send"},
		"other kind":      {"a.vp8.rtpdump", dump, Audio, "video/VP8 is not audio"},
		"too large":       {"a.ivf", func(out *os.File) error { return out.Truncate(MaxFile + 1) }, video, "larger than 256 MB"},
	} {
		if _, err := c.open(create(t, c.file, c.write)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := video("/nonexistent.ivf"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Video("a.h264", Options{FPS: 1000}); err == nil {
		t.Error("1000 frames a second")
	}
}

// Every file gives frames that can be sent, or an error.
func FuzzFiles(f *testing.F) {
	var dump bytes.Buffer
	if err := writeDump(&dump, 1, 2, 4); err != nil {
		f.Fatal(err)
	}
	ogg := create(f, "a.ogg", func(out *os.File) error {
		w, err := opus.NewOggWriter(out, 7)
		return errors.Join(err, w.Write(opus.Tone()[0], 0), w.End())
	})
	content, err := os.ReadFile(ogg)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content, uint8(0))
	f.Add([]byte("\x00\x00\x01\x65\x88\x00\x00\x01\x41\x9a"), uint8(1))
	f.Add([]byte("\x00\x00\x01e\x00\x00\x01e\x00\x00\x01\xb3e\x00\x00\x01\xb3\xb3\x00\x00\x01\x00\x01"), uint8(1))
	f.Add(dump.Bytes(), uint8(4))
	f.Fuzz(func(t *testing.T, in []byte, kind uint8) {
		if kind %= 5; kind == 4 {
			packets, err := readDump(bytes.NewReader(in))
			if (err == nil) != (len(packets) > 0) {
				t.Fatalf("%d packets, %v", len(packets), err)
			}
			return
		}
		begin := []opener{readOgg, readH264(30), readIVF, readWebM("video")}[kind]
		s := &source{content: in, begin: begin}
		if s.rewind() != nil {
			return
		}
		ctx := t.Context()
		for range 5 {
			s.due = time.Time{}
			sample, err := s.Next(ctx, s.codec)
			if err != nil {
				return
			}
			// A start code of three bytes becomes one of four.
			if sample.Duration < minStep || len(sample.Data) > len(in)+len(in)/3+4 {
				t.Fatalf("%d bytes for %v", len(sample.Data), sample.Duration)
			}
		}
	})
}
