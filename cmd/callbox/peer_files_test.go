package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"callbox/e2e/need"
	"callbox/peer"
	"callbox/peer/annexb"
	"callbox/peer/ivf"
)

// ffmpeg makes a file of two seconds.
func ffmpeg(t *testing.T, name string, args ...string) string {
	t.Helper()
	need.Program(t, "ffmpeg")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	name = filepath.Join(t.TempDir(), name)
	if out, err := exec.CommandContext(ctx, "ffmpeg", append(append([]string{"-v", "error"}, args...), name)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return name
}

// framesOf returns the frames of an IVF or H.264 file.
func framesOf(t *testing.T, name string) (frames []string) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	next := annexb.NewReader(file).Next
	if strings.HasSuffix(name, ".ivf") {
		r, err := ivf.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		next = func() ([]byte, error) {
			f, err := r.Next()
			return f.Data, err
		}
	}
	for {
		frame, err := next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, string(frame))
	}
}

// A file is sent in its codec, arrives, and is recorded as it was.
func TestPeerSendsFiles(t *testing.T) {
	t.Parallel()
	picture := strings.Fields("-f lavfi -i testsrc=size=160x120:rate=25:duration=2 -g 5 -pix_fmt yuv420p")
	sound := strings.Fields("-f lavfi -i sine=frequency=400:duration=2 -c:a libopus")
	ogg := ffmpeg(t, "sound.ogg", sound...)
	for name, c := range map[string]struct {
		codec   peer.Codec
		args    string
		changes bool // the frames are not byte for byte those of the file
	}{
		"vp8.ivf":    {peer.VP8, "-c:v libvpx -deadline realtime", false},
		"vp9.ivf":    {peer.VP9, "-c:v libvpx-vp9 -deadline realtime -cpu-used 8", false},
		"av1.ivf":    {peer.AV1, "-c:v libaom-av1 -usage realtime -cpu-used 8", true}, // without delimiters (OBU type 2)
		"video.h264": {peer.H264, "-c:v libx264 -profile:v baseline -preset ultrafast", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := ffmpeg(t, name, append(picture, strings.Fields(c.args)...)...)
			s := start(t)
			dir := t.TempDir()
			one := callPeer(t, s.ready.HTTP, "--duration", "3s", "--json", "-", "--record", dir, "--record-format", "tracks")
			two := callPeer(t, s.ready.HTTP, "--duration", "20s", "--video", file, "--fps", "25", "--audio", ogg)
			one().check(t, exitOK)
			two().check(t, exitOK)
			var r peer.Report
			if err := json.Unmarshal([]byte(one().stdout), &r); err != nil {
				t.Fatal(err)
			}
			video, audio := r.Received("video"), r.Received("audio")
			if *video.Codec != string(c.codec) || *video.Frames.Received < 40 || *audio.ToneHz != 400 {
				t.Errorf("%d frames of %s, %v Hz", *video.Frames.Received, *video.Codec, *audio.ToneHz)
			}
			recorded := recordings(t, dir)["video"+filepath.Ext(name)]
			got := framesOf(t, recorded)
			if !c.changes {
				checkFrames(t, got, framesOf(t, file))
			}
			p := decode(t, recorded)
			if n, _ := strconv.Atoi(p.Streams[0].Frames); n != len(got) || n < 25 || p.Streams[0].Width != 160 {
				t.Errorf("of %d recorded frames, %d can be decoded", len(got), n)
			}
		})
	}
}

// checkFrames checks that the frames are those of a file that is repeated, from some frame on.
func checkFrames(t *testing.T, got, file []string) {
	t.Helper()
	for first := range file {
		same := 0
		for i, frame := range got {
			if frame == file[(first+i)%len(file)] {
				same++
			}
		}
		if same == len(got) {
			return
		}
	}
	t.Errorf("the %d frames are not those of the file", len(got))
}

// A recording of packets is replayed: every frame arrives intact, at its time.
func TestPeerReplaysPackets(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := t.TempDir()
	one := callPeer(t, s.ready.HTTP, "--duration", "2s", "--record", dir, "--record-format", "rtpdump")
	two := callPeer(t, s.ready.HTTP, "--duration", "20s", "--fps", "25")
	one().check(t, exitOK)
	two().check(t, exitOK)
	files := recordings(t, dir)
	one = callPeer(t, s.ready.HTTP, "--duration", "3s", "--json", "-", "--expect", "intact=100%,video.recv.frames.fps>20,video.recv.frames.fps<30")
	two = callPeer(t, s.ready.HTTP, "--duration", "20s", "--video", files["video.vp8.rtpdump"], "--audio", files["audio.opus.rtpdump"])
	one().check(t, exitOK)
	two().check(t, exitOK)
	var r peer.Report
	if err := json.Unmarshal([]byte(one().stdout), &r); err != nil {
		t.Fatal(err)
	}
	video, audio := r.Received("video"), r.Received("audio")
	if *video.Frames.Received < 25 || *video.Frames.MissingCount != 0 || *audio.ToneHz != peer.ToneHz {
		t.Errorf("%d frames, %d missing, %v Hz", *video.Frames.Received, *video.Frames.MissingCount, *audio.ToneHz)
	}
}

func TestPeerEchoes(t *testing.T) {
	t.Parallel()
	s := start(t)
	one := callPeer(t, s.ready.HTTP, "--duration", "2s", "--expect", "intact=100%,frames>=90%,audio.recv.tone_hz=1000")
	two := callPeer(t, s.ready.HTTP, "--duration", "20s", "--echo")
	one().check(t, exitOK)
	two().check(t, exitOK)
}

func TestPeerFileFlags(t *testing.T) {
	t.Parallel()
	dump := filepath.Join(t.TempDir(), "call.opus.rtpdump")
	content := append([]byte("#!rtpplay1.0 0.0.0.0/0\n"), make([]byte, 16)...)
	content = append(content, 0, 21, 0, 13, 0, 0, 0, 0, 0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xf8)
	if err := os.WriteFile(dump, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, flags := range map[string][]string{
		"possible are pattern, none or a file":                                   {"--video", "film"},
		"possible are tone, speech, beep, silence, none or a file":               {"--audio", "horn"},
		"--video: open /nonexistent/a.ivf":                                       {"--video", "/nonexistent/a.ivf"},
		"--audio: open /nonexistent/a.ogg":                                       {"--audio", "/nonexistent/a.ogg"},
		"its name must say the codec":                                            {"--video", "call.rtpdump"},
		"call.opus.rtpdump: audio/opus is not video":                             {"--video", dump},
		"--echo: it replaces":                                                    {"--echo", "--audio", "none"},
		"--echo: a media server":                                                 {"--echo", "--whip"},
		"beep belongs to frames of the pattern, and --video is /nonexistent.ivf": {"--video", "/nonexistent.ivf", "--audio", "beep"},
		"the frame rate must be from 1 to 240":                                   {"--video", "a.h264", "--fps", "241"},
	} {
		callPeer(t, "http://127.0.0.1:1", flags...)().check(t, exitUsage, want)
	}
}
