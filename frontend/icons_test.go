package frontend

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path"
	"path/filepath"
	"testing"
)

var writeIcons = flag.Bool("icons.write", false, "write the icons of the installed page to static/")

// icon is a picture for home screens: the camera of icon.svg in white, on a square in the page's colour.
type icon struct {
	size int
	// corner is the radius of the square's corners, scale the size of the camera. Systems that cut their own shape out of
	// a picture (purpose maskable) may cut off all but a circle of 80 %.
	corner, scale float64
}

var icons = map[string]icon{
	"icon-180.png":      {180, 0, 0.62}, // iOS rounds the corners itself
	"icon-192.png":      {192, 7, 0.66},
	"icon-512.png":      {512, 7, 0.66},
	"icon-maskable.png": {512, 0, 0.5},
}

// square has sides of 32, as the viewBox of icon.svg.
const square = 32.0

// inRectangle reports whether a point is in a rectangle with round corners.
func inRectangle(x, y, left, top, width, height, corner float64) bool {
	dx := max(left+corner-x, x-(left+width-corner), 0)
	dy := max(top+corner-y, y-(top+height-corner), 0)
	return dx*dx+dy*dy <= corner*corner && x >= left && x < left+width && y >= top && y < top+height
}

// inCamera reports whether a point is in the drawing of icon.svg: the body, or the lens that widens from x 21 to 30.
func inCamera(x, y float64) bool {
	half := 1.5 + (x-21)/9*5
	return inRectangle(x, y, 2, 6, 19, 20, 5) || x >= 21 && x < 30 && y >= 16-half && y < 16+half
}

// The parts of an icon.
const (
	outside = iota
	onGround
	onCamera
)

// partAt returns the part that a point is in.
func (i icon) partAt(px, py float64) int {
	x, y := px*square/float64(i.size), py*square/float64(i.size)
	switch {
	case !inRectangle(x, y, 0, 0, square, square, i.corner):
		return outside
	case inCamera((x-square/2)/i.scale+square/2, (y-square/2)/i.scale+square/2):
		return onCamera
	default:
		return onGround
	}
}

func (i icon) draw() *image.NRGBA {
	const fine = 8 // points in each direction of a pixel
	ground, white := color.NRGBA{0x0b, 0x7a, 0x6b, 0xff}, color.NRGBA{0xff, 0xff, 0xff, 0xff}
	drawing := image.NewNRGBA(image.Rect(0, 0, i.size, i.size))
	for py := range i.size {
		for px := range i.size {
			x, y := float64(px), float64(py)
			var points [3]int // in each part
			const edge = 1.0 / 16
			first := i.partAt(x+edge, y+edge)
			if first == i.partAt(x+1-edge, y+edge) && first == i.partAt(x+edge, y+1-edge) && first == i.partAt(x+1-edge, y+1-edge) {
				points[first] = fine * fine // No part is so thin that it would lie between the corners.
			} else {
				for n := range fine * fine {
					points[i.partAt(x+(float64(n%fine)+0.5)/fine, y+(float64(n/fine)+0.5)/fine)]++
				}
			}
			drawing.SetNRGBA(px, py, mix(ground, points[onGround], white, points[onCamera], fine*fine))
		}
	}
	return drawing
}

// mix mixes na parts of a and nb parts of b into a colour that is transparent as far as they are less than all.
func mix(a color.NRGBA, na int, b color.NRGBA, nb, all int) color.NRGBA {
	n := na + nb
	if n == 0 {
		return color.NRGBA{}
	}
	part := func(x, y uint8) uint8 { return uint8((int(x)*na + int(y)*nb + n/2) / n) }
	return color.NRGBA{part(a.R, b.R), part(a.G, b.G), part(a.B, b.B), uint8(255 * n / all)}
}

// TestIcons draws the icons and compares them with the files. With -icons.write it writes the files.
func TestIcons(t *testing.T) {
	for name, i := range icons {
		want := i.draw()
		file := filepath.Join("static", name)
		if *writeIcons {
			var encoded bytes.Buffer
			encoder := png.Encoder{CompressionLevel: png.BestCompression}
			if err := encoder.Encode(&encoded, want); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, encoded.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := png.Decode(bytes.NewReader(content))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if got.Bounds() != want.Bounds() {
			t.Errorf("%s is %v, want %v", file, got.Bounds(), want.Bounds())
			continue
		}
		for n := range i.size * i.size {
			if x, y := n%i.size, n/i.size; color.NRGBAModel.Convert(got.At(x, y)) != want.NRGBAAt(x, y) {
				t.Errorf("%s differs at %d,%d: go test -run TestIcons ./frontend -icons.write", file, x, y)
				break
			}
		}
	}
}

// manifest is what the page says to browsers that install it.
type manifest struct {
	Start string `json:"start_url"`
	Scope string `json:"scope"`
	Icons []struct{ Src, Sizes, Type, Purpose string }
}

// TestManifest reads the manifest as a browser does. The page has no service worker: browsers install it without one,
// and nothing of a call may come from a cache.
func TestManifest(t *testing.T) {
	h := Handler(Config{})
	var at string
	for _, target := range references(t, h) {
		if path.Ext(target) == ".webmanifest" {
			at = target
		}
	}
	response := get(h, at)
	if got := response.header.Get("Content-Type"); got != "application/manifest+json" {
		t.Errorf("%s has the type %q", at, got)
	}
	var m manifest
	if err := json.Unmarshal([]byte(response.body), &m); err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	for what, link := range map[string]string{"start_url": m.Start, "scope": m.Scope} {
		if got := path.Join(path.Dir(at), link); got != "/" || link[len(link)-1] != '/' {
			t.Errorf("%s %q leads to %s, want the home page", what, link, got)
		}
	}
	purposes := map[string]bool{}
	for _, i := range m.Icons {
		purposes[i.Sizes+" "+i.Purpose] = true
		icon := get(h, path.Join(path.Dir(at), i.Src))
		if icon.status != 200 || icon.header.Get("Content-Type") != i.Type {
			t.Errorf("%s: status %d, type %q, want %q", i.Src, icon.status, icon.header.Get("Content-Type"), i.Type)
		}
		if i.Type != "image/png" {
			continue
		}
		size, err := png.DecodeConfig(bytes.NewReader([]byte(icon.body)))
		if want := fmt.Sprintf("%dx%d", size.Width, size.Height); err != nil || i.Sizes != want {
			t.Errorf("%s is %s, the manifest says %s; %v", i.Src, want, i.Sizes, err)
		}
	}
	for _, want := range []string{"192x192 any", "512x512 any", "512x512 maskable", "any any"} {
		if !purposes[want] {
			t.Errorf("the manifest has no icon %s", want)
		}
	}
}
