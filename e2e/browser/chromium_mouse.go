package browser

import "context"

// MoveMouse moves the mouse to a place in the page's window, in CSS pixels.
func (p *chromiumPage) MoveMouse(ctx context.Context, x, y float64) error {
	return p.mouse(ctx, "mouseMoved", x, y)
}

// ClickMouse presses and releases the left button of the mouse there.
func (p *chromiumPage) ClickMouse(ctx context.Context, x, y float64) error {
	if err := p.mouse(ctx, "mousePressed", x, y); err != nil {
		return err
	}
	return p.mouse(ctx, "mouseReleased", x, y)
}

func (p *chromiumPage) mouse(ctx context.Context, event string, x, y float64) error {
	params := object{"type": event, "x": x, "y": y}
	if event != "mouseMoved" {
		params["button"], params["clickCount"] = "left", 1
	}
	return p.call(ctx, "Input.dispatchMouseEvent", params, nil)
}
