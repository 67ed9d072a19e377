package browser

import (
	"context"
	"encoding/base64"
)

// Device is what a page is shown on.
type Device struct {
	Width, Height int // CSS pixels
	Scale         float64
	Touch, Dark   bool
}

// SetDevice makes the page's window that of another device.
func (p *chromiumPage) SetDevice(ctx context.Context, d Device) error {
	theme := "light"
	if d.Dark {
		theme = "dark"
	}
	for _, call := range []struct {
		method string
		params object
	}{
		{"Emulation.setDeviceMetricsOverride", object{"width": d.Width, "height": d.Height, "deviceScaleFactor": d.Scale, "mobile": d.Touch}},
		{"Emulation.setTouchEmulationEnabled", object{"enabled": d.Touch}},
		{"Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": theme}}}},
	} {
		if err := p.call(ctx, call.method, call.params, nil); err != nil {
			return err
		}
	}
	return nil
}

// Picture returns a WebP of what the tab shows, smaller than the PNG of Screenshot.
func (p *chromiumPage) Picture(ctx context.Context) ([]byte, error) {
	var shot struct{ Data string }
	if err := p.call(ctx, "Page.captureScreenshot", object{"format": "webp", "quality": 60}, &shot); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(shot.Data)
}
