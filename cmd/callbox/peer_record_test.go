package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"callbox/e2e/need"
	"callbox/peer"
	"callbox/peer/pattern"
)

// probed is what ffprobe says about a file.
type probed struct {
	Streams []struct {
		Codec  string `json:"codec_name"`
		Kind   string `json:"codec_type"`
		Frames string `json:"nb_read_frames"`
		Width  int    `json:"width"`
	} `json:"streams"`
	Format struct {
		Duration string `json:"duration"`
	} `json:"format"`
}

// probe has ffprobe decode every frame of a file, and returns the duration that it states.
func probe(t *testing.T, name string) (p probed, duration float64) {
	t.Helper()
	p = decode(t, name)
	duration, err := strconv.ParseFloat(p.Format.Duration, 64)
	if err != nil {
		t.Errorf("%s has no duration: %v", filepath.Base(name), err)
	}
	return p, duration
}

// decode has ffprobe decode every frame of a file.
func decode(t *testing.T, name string) (p probed) {
	t.Helper()
	need.Program(t, "ffprobe")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var faults bytes.Buffer
	command := exec.CommandContext(ctx, "ffprobe", "-v", "warning", "-count_frames", "-show_streams", "-show_format", "-of", "json", name)
	command.Stderr = &faults
	out, err := command.Output()
	if err != nil || faults.Len() > 0 {
		t.Errorf("%s: %v\n%s", filepath.Base(name), err, faults.String())
	}
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// recordings returns the only file of each extension.
func recordings(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		_, ending, _ := strings.Cut(e.Name(), "-")
		if files[ending] != "" {
			t.Errorf("two files end in %s", ending)
		}
		files[ending] = filepath.Join(dir, e.Name())
	}
	return files
}

// A call is recorded in every format, and every frame that arrived can be decoded.
func TestPeerRecords(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := filepath.Join(t.TempDir(), "recordings")
	one := callPeer(t, s.ready.HTTP, "--duration", "3s", "--fps", "30", "--json", "-",
		"--record", dir, "--record-format", "webm", "--record-format", "tracks", "--record-format", "rtpdump")
	two := callPeer(t, s.ready.HTTP, "--duration", "20s", "--fps", "30", "--json", "-")
	one().check(t, exitOK)
	two().check(t, exitOK)
	var recorder, recorded peer.Report
	for out, r := range map[string]*peer.Report{one().stdout: &recorder, two().stdout: &recorded} {
		if err := json.Unmarshal([]byte(out), r); err != nil {
			t.Fatal(err)
		}
	}
	if !recorded.Data.Recorded || recorder.Data.Recorded {
		t.Errorf("recorded: %v, and the recorder: %v", recorded.Data.Recorded, recorder.Data.Recorded)
	}
	frames, packets := *recorder.Received("video").Frames.Received, *recorder.Received("audio").Packets
	files := recordings(t, dir)
	call := float64(*recorder.TimelineMS.Hangup-*recorder.TimelineMS.DTLSConnected) / 1000
	for ending, codecs := range map[string]string{"call.webm": "opus vp8", "video.ivf": "vp8", "audio.ogg": "opus"} {
		p, duration := probe(t, files[ending])
		var found []string
		length := 0.0
		for _, stream := range p.Streams {
			found = append(found, stream.Codec)
			got, _ := strconv.ParseInt(stream.Frames, 10, 64)
			want, rate := frames, int64(30)
			if stream.Kind == "audio" {
				want, rate = packets, 50
			}
			length = max(length, float64(got)/float64(rate))
			// What comes before the other side knows is not recorded.
			if got > want || got < want-rate {
				t.Errorf("%s has %d of %d frames of %s", ending, got, want, stream.Kind)
			}
			if stream.Kind == "video" && stream.Width != 320 {
				t.Errorf("%s is %d pixels wide", ending, stream.Width)
			}
		}
		slices.Sort(found)
		if strings.Join(found, " ") != codecs {
			t.Errorf("%s has the codecs %q", ending, found)
		}
		t.Logf("%s: %.3f s with %.3f s of frames, of a call of %.3f s", ending, duration, length, call)
		if math.Abs(duration-length) > 0.1 || duration > call+0.1 {
			t.Errorf("%s is %.3f s long, with frames of %.3f s", ending, duration, length)
		}
	}
	for _, ending := range []string{"video.vp8.rtpdump", "audio.opus.rtpdump"} {
		if content, err := os.ReadFile(files[ending]); err != nil || !bytes.HasPrefix(content, []byte("#!rtpplay1.0 0.0.0.0/0\n")) {
			t.Errorf("%s: %v", ending, err)
		}
	}
	if len(files) != 5 {
		t.Errorf("files: %v", files)
	}
}

// What was recorded before the program was killed can be played up to its last second.
func TestPeerIsKilledWhileItRecords(t *testing.T) {
	t.Parallel()
	need.Program(t, "ffprobe")
	s := start(t)
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, binary, "peer", s.ready.HTTP, "room", "--fps", "30", "--duration", "0",
		"--record", dir, "--record-format", "webm", "--record-format", "tracks")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	video, err := peer.Pattern(pattern.Size{Width: 320, Height: 240}, 30)
	if err != nil {
		t.Fatal(err)
	}
	call, err := peer.Join(ctx, peer.Config{Server: s.ready.HTTP, Room: "room", Video: video, Audio: peer.Tone(), Duration: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer call.Close()
	if err := call.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
	connected := time.Now()
	wait(ctx, 4*time.Second)
	_ = command.Process.Kill()
	_ = command.Wait()
	lived := time.Since(connected).Seconds()
	files := recordings(t, dir)
	for _, ending := range []string{"call.webm", "video.ivf", "audio.ogg"} {
		_, stated := probe(t, files[ending])
		end := lastPacket(t, files[ending])
		t.Logf("%s: the last packet is at %.3f s, the header says %.3f s, killed after %.3f s", ending, end, stated, lived)
		if end < lived-1 || stated < lived-2.5 {
			t.Errorf("%s ends at %.3f s and says %.3f s, but the program was killed after %.3f s", ending, end, stated, lived)
		}
	}
}

// lastPacket returns the time of the last packet of a file.
func lastPacket(t *testing.T, name string) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	last := 0.0
	for line := range strings.Lines(string(out)) {
		if at, err := strconv.ParseFloat(strings.Trim(strings.TrimSpace(line), ","), 64); err == nil {
			last = max(last, at)
		}
	}
	return last
}

// PCMU, which WebM does not have, goes into a file of its own.
func TestPeerRecordsPCMU(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := t.TempDir()
	one := callPeer(t, s.ready.HTTP, "--duration", "2s", "--audio-codec", "pcmu", "--record", dir)
	two := callPeer(t, s.ready.HTTP, "--duration", "20s", "--audio-codec", "pcmu")
	one().check(t, exitOK, "Recorded")
	two().check(t, exitOK, "records this call")
	files := recordings(t, dir)
	p, duration := probe(t, files["audio.au"])
	if len(p.Streams) != 1 || p.Streams[0].Codec != "pcm_mulaw" || duration < 1.5 || duration > 2.5 {
		t.Errorf("%+v", p)
	}
	if p, _ := probe(t, files["call.webm"]); len(p.Streams) != 1 || p.Streams[0].Codec != "vp8" {
		t.Errorf("%+v", p)
	}
}

func TestPeerRecordFlags(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, flags := range map[string][]string{
		`--record-format: "mp3" is not webm, tracks or rtpdump`: {"--record", t.TempDir(), "--record-format", "mp3"},
		"--record-format: without --record":                     {"--record-format", "webm"},
		"--record: mkdir":                                       {"--record", file},
		"--record: with --whip":                                 {"--whip", "--record", file},
	} {
		callPeer(t, "http://127.0.0.1:1", flags...)().check(t, exitUsage, want)
	}
}
