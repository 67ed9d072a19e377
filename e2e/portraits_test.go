package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"callbox/e2e/browser"
)

// portraits starts the browsers of Ann and Bo with a drawn person as the camera of each, for
// pictures that people look at.
func portraits(t *testing.T, s *server) [2]browser.Browser {
	t.Helper()
	var cast [2]browser.Browser
	for i, name := range []string{"ann", "bo"} {
		at := []string{"a", "b"}[i]
		video := filepath.Join(t.TempDir(), name+".mjpeg")
		if err := os.WriteFile(video, portrait(t, filepath.Join("testdata", name+".svg")), 0o600); err != nil {
			t.Fatal(err)
		}
		_, audio, err := cameraOf(at).files(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		n := namespaceOf(sharedLab(t), at)
		cast[i], err = browser.StartChromium(t.Context(), browser.Options{Start: n.Start, Dial: n.DialContext, CA: s.ca, Video: video, Audio: audio})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := cast[i].Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return cast
}

// portrait returns a drawing as a video of two frames, which the browser draws.
func portrait(t *testing.T, file string) []byte {
	t.Helper()
	drawing, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	page, err := sharedBrowser(t, "chromium", "a").Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = page.(device).SetDevice(ctx, browser.Device{Width: 1280, Height: 720, Scale: 1})
	if err == nil {
		html := fmt.Sprintf("<!doctype html><style>body{margin:0}svg{display:block}</style>%s", drawing)
		err = page.Goto(ctx, "data:text/html;charset=utf-8,"+url.PathEscape(html))
	}
	if err != nil {
		t.Fatal(err)
	}
	shot, err := page.Screenshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := page.Close(); err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	var video bytes.Buffer
	for range 2 {
		if err := jpeg.Encode(&video, picture, &jpeg.Options{Quality: 90}); err != nil {
			t.Fatal(err)
		}
	}
	return video.Bytes()
}
