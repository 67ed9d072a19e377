package record

import (
	"errors"
	"io"
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
	"callbox/peer/ogg"
	"callbox/peer/opus"
)

// keyFrame and interFrame begin like frames of VP8.
func keyFrame(content string) []byte {
	return append([]byte{0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 1, 240, 0}, content...)
}

func interFrame(content string) []byte { return append([]byte{0x11, 0, 0}, content...) }

func newRecorder(t *testing.T, formats ...Format) *Recorder {
	t.Helper()
	r, err := New(Config{Dir: t.TempDir(), Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func video(data []byte, after time.Duration) peer.ReceivedFrame {
	return peer.ReceivedFrame{MID: "0", Codec: peer.VP8, Data: data, At: time.Now(), Timestamp: 0xffff0000 + uint32(90*after.Milliseconds())}
}

// onlyFile returns the only file with an extension.
func onlyFile(t *testing.T, r *Recorder, extension string) *os.File {
	t.Helper()
	var found []string
	for _, name := range r.Files() {
		if strings.HasSuffix(name, extension) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		t.Fatalf("files %v", r.Files())
	}
	file, err := os.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func readIVF(t *testing.T, in io.Reader) (frames []ivf.Frame) {
	t.Helper()
	reader, err := ivf.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	for {
		f, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
}

// Frames are written in the order of their times, from the first key frame on, and what is
// too late or there twice is left out. Timestamps wrap meanwhile.
func TestFramesAreWrittenInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t, Tracks)
		push := func(content string, at int, key bool) {
			data := interFrame(content)
			if key {
				data = keyFrame(content)
			}
			r.Frame(video(data, time.Duration(at)*time.Millisecond))
		}
		push("before", 0, false)
		<-time.After(300 * time.Millisecond)
		push("a", 300, true)
		<-time.After(66 * time.Millisecond)
		push("c", 366, false)
		push("b", 333, false)
		push("b again", 333, false)
		<-time.After(time.Second)
		push("too late", 340, false)
		push("d", 1366, false)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range readIVF(t, onlyFile(t, r, ".ivf")) {
			got = append(got, string(f.Data[len(f.Data)-1:])+" "+f.Time.String())
		}
		if want := "a 0s, b 33ms, c 66ms, d 1.066s"; strings.Join(got, ", ") != want {
			t.Errorf("got %q", got)
		}
	})
}

// What is written after a moment can be read, although the recording goes on.
func TestFilesAreReadableMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t, Tracks)
		for n := range 30 {
			r.Frame(video(keyFrame("frame"), time.Duration(n)*100*time.Millisecond))
			<-time.After(100 * time.Millisecond)
		}
		<-time.After(hold + flushEvery)
		synctest.Wait()
		names, err := filepath.Glob(filepath.Join(r.cfg.Dir, "*.ivf"))
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		content, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		if frames := readIVF(t, strings.NewReader(string(content))); len(frames) != 30 {
			t.Errorf("%d frames", len(frames))
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Lost audio becomes silence, so that what follows is not early.
func TestLostAudioBecomesSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t, Tracks)
		tone := opus.Tone()
		for n := range 50 {
			if n < 10 || n >= 25 {
				for mid, f := range map[string]peer.ReceivedFrame{
					"1": {Codec: peer.Opus, Data: tone[n%len(tone)], Timestamp: uint32(n * 960)},
					"2": {Codec: peer.PCMU, Data: make([]byte, 160), Timestamp: uint32(n * 160)},
				} {
					f.MID, f.At = mid, time.Now()
					r.Frame(f)
				}
			}
			<-time.After(20 * time.Millisecond)
		}
		r.Frame(peer.ReceivedFrame{MID: "1", Codec: peer.Opus, Timestamp: 960 * 60, At: time.Now()}) // no Opus
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		packets := -2 // the headers
		for reader := ogg.NewReader(onlyFile(t, r, ".ogg")); ; packets++ {
			if _, err := reader.Next(); err != nil {
				break
			}
		}
		if packets != 50 {
			t.Errorf("%d packets of Opus", packets)
		}
		if info, err := onlyFile(t, r, ".au").Stat(); err != nil || info.Size() != 24+50*160 {
			t.Errorf("PCMU: %v, %v", info.Size(), err)
		}
	})
}

// A dump has the packets as they arrived.
func TestDump(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t, RTPDump)
		for _, number := range []uint16{7, 9, 8} {
			r.Packet(peer.ReceivedPacket{MID: "0", Codec: peer.VP8, At: time.Now(), Packet: &rtp.Packet{
				Header: rtp.Header{Version: 2, SequenceNumber: number, Timestamp: 3000, PayloadType: 96}, Payload: []byte{1, 2, byte(number)},
			}})
			<-time.After(30 * time.Millisecond)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		reader, _, err := rtpdump.NewReader(onlyFile(t, r, ".vp8.rtpdump"))
		if err != nil {
			t.Fatal(err)
		}
		for n, number := range []uint16{7, 9, 8} {
			p, err := reader.Next()
			var packet rtp.Packet
			if err != nil || packet.Unmarshal(p.Payload) != nil {
				t.Fatal(err)
			}
			if packet.SequenceNumber != number || packet.Payload[2] != byte(number) || p.Offset != time.Duration(n)*30*time.Millisecond {
				t.Errorf("packet %d: %v after %v", n, packet, p.Offset)
			}
		}
	})
}

// A second video gets a file of its own, and so does audio that comes much later.
func TestMoreTracks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(t)
		for n := range 40 {
			f := video(keyFrame("x"), time.Duration(n)*100*time.Millisecond)
			r.Frame(f)
			f.MID = "2"
			r.Frame(f)
			if n > 20 {
				r.Frame(peer.ReceivedFrame{MID: "1", Codec: peer.Opus, Data: opus.Tone()[n], Timestamp: uint32(n * 4800), At: time.Now()})
			}
			<-time.After(100 * time.Millisecond)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if len(r.Files()) != 3 {
			t.Errorf("files: %v", r.Files())
		}
	})
}

// An error of the disk ends a file and is reported, and nothing blocks.
func TestErrorsAreReported(t *testing.T) {
	t.Parallel()
	for _, format := range Formats() {
		synctest.Test(t, func(t *testing.T) {
			r := newRecorder(t, format)
			if err := os.RemoveAll(r.cfg.Dir); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				r.Frame(video(keyFrame("x"), 0))
				r.Packet(peer.ReceivedPacket{MID: "0", Codec: peer.VP8, At: time.Now(), Packet: &rtp.Packet{}})
				<-time.After(time.Second)
			}
			if err := r.Close(); !errors.Is(err, os.ErrNotExist) || strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("%s: %v", format, err)
			}
		})
	}
}

// A disk that does not follow loses frames, and says so.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	r := &Recorder{cfg: Config{Formats: []Format{Tracks}}, queue: make(chan item, maxQueued)}
	large := make([]byte, maxQueuedBytes/4)
	for range 6 {
		r.Frame(peer.ReceivedFrame{MID: "0", Codec: peer.VP8, Data: large})
	}
	if r.lost.Load() != 2 {
		t.Errorf("%d frames were lost", r.lost.Load())
	}
	for range maxQueued {
		r.Frame(peer.ReceivedFrame{MID: "0", Codec: peer.VP8})
	}
	if r.lost.Load() != 2+4 {
		t.Errorf("%d frames were lost", r.lost.Load())
	}
}

// A timestamp that jumps begins a new stream at the time of its arrival.
func TestClock(t *testing.T) {
	t.Parallel()
	c := clock{rate: 90000}
	wraps := uint32(1<<32 - 300)
	for _, step := range []struct {
		timestamp     uint32
		arrival, want time.Duration
	}{
		{wraps, time.Second, time.Second},
		{wraps + 9000, 1110 * time.Millisecond, 1100 * time.Millisecond},
		{wraps + 4500, 1120 * time.Millisecond, 1050 * time.Millisecond},
		{wraps + 18000, 1180 * time.Millisecond, 1200 * time.Millisecond},
		{1 << 30, 5 * time.Second, 5 * time.Second},
		{1<<30 + 9000, 5 * time.Second, 5100 * time.Millisecond},
		{1<<30 + 18000, 9 * time.Second, 9 * time.Second},
	} {
		if got := c.at(step.timestamp, step.arrival); got.Round(time.Millisecond) != step.want {
			t.Errorf("timestamp %d at %v: %v, want %v", step.timestamp, step.arrival, got, step.want)
		}
	}
}
