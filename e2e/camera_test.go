package e2e

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed camera.js
var cameraJS string

// camera is the colour and the tone that one client sends, so that the other can
// tell them from those of anybody else, itself included.
type camera struct {
	colour color.RGBA
	hz     float64
}

var (
	red  = camera{color.RGBA{200, 40, 40, 255}, 440}
	blue = camera{color.RGBA{40, 60, 200, 255}, 660}
)

// files writes the files that Chromium plays as its camera and its microphone.
func (c camera) files(dir string) (video, audio string, err error) {
	video = filepath.Join(dir, fmt.Sprintf("%.0f.mjpeg", c.hz))
	audio = filepath.Join(dir, fmt.Sprintf("%.0f.wav", c.hz))
	picture, err := c.mjpeg()
	if err == nil {
		err = os.WriteFile(video, picture, 0o600)
	}
	if err == nil {
		err = os.WriteFile(audio, c.wav(), 0o600)
	}
	return video, audio, err
}

// mjpeg returns two seconds of video in which a white block moves along the lower
// edge.
func (c camera) mjpeg() ([]byte, error) {
	var out bytes.Buffer
	picture := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for step := range 60 {
		draw.Draw(picture, picture.Rect, image.NewUniform(c.colour), image.Point{}, draw.Src)
		block := image.Rect(0, 0, 16, 32).Add(image.Pt(16*(step/2%20), 208))
		draw.Draw(picture, block, image.White, image.Point{}, draw.Src)
		if err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: 90}); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// wav returns one second of sound with two bursts of the tone. A tone without
// pauses would be suppressed as noise.
func (c camera) wav() []byte {
	const rate = 48000
	samples := make([]int16, rate)
	for i := range samples {
		if i%(rate/2) < rate*3/10 {
			samples[i] = int16(math.MaxInt16 / 2 * math.Sin(2*math.Pi*c.hz*float64(i)/rate))
		}
	}
	var out bytes.Buffer
	size := uint32(2 * len(samples))
	for _, field := range []any{
		[]byte("RIFF"), 36 + size, []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1),
		uint32(rate), uint32(2 * rate), uint16(2), uint16(16), []byte("data"), size, samples,
	} {
		_ = binary.Write(&out, binary.LittleEndian, field) // a bytes.Buffer takes everything
	}
	return out.Bytes()
}

// script returns a script that replaces the camera in Firefox, which cannot play a
// file as one.
func (c camera) script() string {
	return strings.ReplaceAll(cameraJS, "COLOUR", fmt.Sprintf("%d, %d, %d", c.colour.R, c.colour.G, c.colour.B))
}

// prefs returns a preference that sets Firefox's fake microphone to the tone.
func (c camera) prefs() string {
	return fmt.Sprintf("user_pref(\"media.navigator.audio.fake_frequency\", %.0f);\n", c.hz)
}

// distance returns how far a colour is from the camera's, from 0 to 441.
func (c camera) distance(seen [3]float64) float64 {
	r, g, b := seen[0]-float64(c.colour.R), seen[1]-float64(c.colour.G), seen[2]-float64(c.colour.B)
	return math.Sqrt(r*r + g*g + b*b)
}

func TestCameraDistance(t *testing.T) {
	if d := red.distance([3]float64{200, 40, 40}); d != 0 {
		t.Errorf("red is %v from itself", d)
	}
	if d := red.distance([3]float64{40, 60, 200}); d < 200 {
		t.Errorf("red is only %v from blue", d)
	}
}
