package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
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

// output runs a program and returns what it writes.
func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	need.Program(t, name)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var faults bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stderr = &faults
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, tail(faults.String()))
	}
	return out
}

// probeFile has ffprobe read a file, which must have one video and one audio, and returns
// the duration that it states.
func probeFile(t *testing.T, file string) (duration float64) {
	t.Helper()
	out := output(t, "ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", file)
	var m struct {
		Format  struct{ Duration string }
		Streams []struct {
			CodecType string `json:"codec_type"`
		}
	}
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, s := range m.Streams {
		kinds = append(kinds, s.CodecType)
	}
	slices.Sort(kinds)
	if !slices.Equal(kinds, []string{"audio", "video"}) {
		t.Errorf("%s has the streams %q", filepath.Base(file), kinds)
	}
	duration, err := strconv.ParseFloat(m.Format.Duration, 64)
	if err != nil {
		t.Errorf("%s has no duration: %v", filepath.Base(file), err)
	}
	return duration
}

// contentEnd returns when the last picture and the last sound of a file end, in
// seconds, whatever its header says.
func contentEnd(t *testing.T, file string) float64 {
	t.Helper()
	end := 0.0
	out := output(t, "ffprobe", "-v", "error", "-show_entries", "packet=pts_time,duration_time", "-of", "csv=p=0", file)
	for line := range strings.Lines(string(out)) {
		at, _, _ := strings.Cut(strings.TrimSpace(line), ",")
		if seconds, err := strconv.ParseFloat(at, 64); err == nil {
			end = max(end, seconds)
		}
	}
	return end
}

// fetch writes a blob of the page into a file.
func (tb *tab) fetch(expression string) string {
	tb.t.Helper()
	const part = 3 << 20 // a multiple of 3, so that parts of base64 fit together
	size := eval[int](tb, expression+".size")
	var content []byte
	for from := 0; from < size; from += part {
		text := eval[string](tb, fmt.Sprintf("observed.read(%s, %d, %d)", expression, from, from+part))
		bytes, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			tb.t.Fatal(err)
		}
		content = append(content, bytes...)
	}
	if len(content) != size || size == 0 {
		tb.t.Fatalf("the page gave %d of %d bytes", len(content), size)
	}
	file := filepath.Join(tb.t.TempDir(), "recording.webm")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		tb.t.Fatal(err)
	}
	return file
}

// shown is a frame of a recording: when it is shown, and the number of the bot's frame in it.
type shown struct {
	at     float64
	number int
}

// The bot's picture of 320×240 fills the height of the recording, so each block of its
// barcode has 48 pixels there.
const (
	recordedLeft  = 160
	recordedBlock = 48
	// codeScale is how many pixels are left of each block, to be read quickly.
	codeScale = 3
)

// shownFrames returns the frames in which the bot's barcode can be read.
func shownFrames(t *testing.T, file string) []shown {
	t.Helper()
	var times []float64
	out := output(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0", file)
	for line := range strings.Lines(string(out)) {
		at, err := strconv.ParseFloat(strings.Trim(strings.TrimSpace(line), ","), 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		times = append(times, at)
	}
	const width, height = pattern.CodeColumns * codeScale, pattern.CodeRows * codeScale
	filter := fmt.Sprintf("crop=%d:%d:%d:0,scale=%d:%d:flags=area",
		pattern.CodeColumns*recordedBlock, pattern.CodeRows*recordedBlock, recordedLeft, width, height)
	pixels := output(t, "ffmpeg", "-v", "error", "-i", file, "-map", "0:v", "-vsync", "passthrough", "-vf", filter, "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1")
	if len(pixels) != len(times)*width*height {
		t.Fatalf("%d frames have times, and there are %d bytes of pictures", len(times), len(pixels))
	}
	t.Logf("the recording has %d frames", len(times))
	var frames []shown
	for i, at := range times {
		if number, ok := readCode(pixels[i*width*height:][:width*height], width); ok {
			frames = append(frames, shown{at, number})
		}
	}
	return frames
}

// readCode reads the barcode of package pattern in a picture of that many bytes a row.
func readCode(picture []byte, width int) (number int, ok bool) {
	var code [pattern.CodeBits / 8]byte
	for i := range pattern.CodeBits {
		x, y := i%pattern.CodeColumns*codeScale+codeScale/2, i/pattern.CodeColumns*codeScale+codeScale/2
		if picture[y*width+x] > 127 {
			code[i/8] |= 0x80 >> (i % 8)
		}
	}
	crc := uint16(0xffff)
	for _, b := range code[:10] {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(binary.BigEndian.Uint32(code[:])), crc == binary.BigEndian.Uint16(code[10:])
}

// heardBeep is a beep of the bot in a recording: when it begins, in seconds, and its
// number, as far as the pitch tells.
type heardBeep struct {
	at    float64
	pitch int
}

const (
	decodedRate = 8000
	// A beep begins where half of the window of analysis is full of it.
	beepWindow, beepHop = 160, 20
)

// decodeSound returns the sound of a file as it is heard, from its begin.
func decodeSound(t *testing.T, file string) []float64 {
	t.Helper()
	raw := output(t, "ffmpeg", "-v", "error", "-i", file, "-map", "0:a", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", strconv.Itoa(decodedRate), "-f", "s16le", "pipe:1")
	samples := make([]float64, len(raw)/2)
	for i := range samples {
		samples[i] = float64(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / math.MaxInt16
	}
	return samples
}

// amplitude returns the peak of a frequency in a window of sound, by Goertzel's algorithm.
func amplitude(window []float64, hz float64) float64 {
	factor := 2 * math.Cos(2*math.Pi*hz/decodedRate)
	var last, before float64
	for _, v := range window {
		last, before = v+factor*last-before, last
	}
	return 2 * math.Sqrt(max(0, last*last+before*before-factor*last*before)) / float64(len(window))
}

// heardBeeps finds the beeps of the bot.
func heardBeeps(t *testing.T, file string) []heardBeep {
	t.Helper()
	samples := decodeSound(t, file)
	var beeps []heardBeep
	quietSince := 0 // a beep follows silence
	for from := 0; from+beepWindow <= len(samples); from += beepHop {
		window := samples[from : from+beepWindow]
		loudest, pitch := 0.0, 0
		for k := range peer.BeepPitches {
			if a := amplitude(window, peer.BeepHz(k)); a > loudest {
				loudest, pitch = a, k
			}
		}
		if loudest < peer.ToneLevel { // half of a beep
			continue
		}
		if from-quietSince > decodedRate/5 {
			beeps = append(beeps, heardBeep{float64(from+beepWindow/2) / decodedRate, pitch})
		}
		quietSince = from
	}
	return beeps
}

// offsets returns how much later, in milliseconds, each beep is heard than the frame is
// shown that it belongs to.
func offsets(frames []shown, beeps []heardBeep, fps int) (at, late []float64) {
	for _, beep := range beeps {
		best := math.Inf(1)
		for i := 1; i < len(frames); i++ {
			before, frame := frames[i-1].number, frames[i]
			// The frame that has a beep, or one after it: then the beep's was due earlier.
			second, after := frame.number/fps, frame.number%fps
			if before/fps == second || second%peer.BeepPitches != beep.pitch || after > fps/3 {
				continue
			}
			if d := beep.at - (frame.at - float64(after)/float64(fps)); math.Abs(d) < math.Abs(best) {
				best = d
			}
		}
		if math.Abs(best) < 1 { // otherwise the frame is not in the recording
			at, late = append(at, beep.at), append(late, 1000*best)
		}
	}
	return at, late
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
