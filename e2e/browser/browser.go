// Package browser controls real browsers in tests: Chromium by the DevTools
// protocol over a pipe, Firefox by WebDriver BiDi over a WebSocket. Both have the
// same interface, and need no driver program.
//
// Each browser has a temporary profile and a process group of its own, and can be
// started in another network namespace. Browsers check certificates: to make one
// trust another authority, set Options.CA.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
)

// Options say how a browser is started. The zero value is valid.
type Options struct {
	// Start starts the process; nil means exec.Cmd.Start. To start the browser in a
	// namespace, set the Start of that namespace.
	Start func(*exec.Cmd) error
	// Dial connects to a loopback port in the browser's network namespace; nil means
	// that of the caller.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// CA is the PEM file of a certificate authority that the profile trusts for TLS.
	CA string
	// Video and Audio are files that Chromium plays as its camera (mjpeg, y4m) and
	// microphone (wav); empty means its own test picture and beep. Firefox always
	// uses its own.
	Video, Audio string
	// Ask leaves the permission prompt for camera and microphone unanswered, which
	// denies access. Otherwise access is granted.
	Ask bool
	// Prefs are lines that are added to Firefox's user.js.
	Prefs string
	// Profile is a folder for the profile, which outlives the browser: the next one with
	// the same folder finds what pages have stored. Then all tabs share their storage.
	// Empty means a temporary profile, and storage of its own for each tab.
	Profile string
	// Throttle has Chromium slow down hidden pages, as it does for people.
	Throttle bool
	// Flags are added to the command line.
	Flags []string
}

// Browser is one running browser.
type Browser interface {
	// Name is "chromium" or "firefox".
	Name() string
	// Open opens a new tab with storage of its own. The preload scripts run in each
	// document before the page's own scripts.
	Open(ctx context.Context, preload ...string) (Page, error)
	// Kill kills the process and all its children, as the kernel does when memory runs
	// out. Close must still be called.
	Kill() error
	// Close ends the process and all its children, and removes a temporary profile.
	Close() error
}

// Page is one tab.
type Page interface {
	// Goto loads the address and waits for the load event.
	Goto(ctx context.Context, url string) error
	// Eval evaluates a JavaScript expression with user activation, as if a person
	// had just clicked, awaits the value if it is a promise, and decodes its JSON
	// into result, unless that is nil.
	Eval(ctx context.Context, expression string, result any) error
	// EvalIn is Eval in a frame of the page, at any depth, whose address begins with
	// url. The frame must be of another site than the page.
	EvalIn(ctx context.Context, url, expression string, result any) error
	// Press presses keys one after the other, and releases them in the reverse order. A
	// key has its name in DOM's KeyboardEvent, as "Escape"; all but the last are usually
	// modifiers.
	Press(ctx context.Context, names ...string) error
	// Drag moves the mouse from one point to another with its left button down.
	Drag(ctx context.Context, from, to Point) error
	// Cover puts another tab in front, which hides this one. Closing this one closes
	// both.
	Cover(ctx context.Context) error
	// Screenshot returns a PNG of what the tab shows.
	Screenshot(ctx context.Context) ([]byte, error)
	// Errors returns what the page and the browser have reported so far: uncaught
	// exceptions, console errors, violated policies, failed loads.
	Errors() []string
	// Requests returns the page's network requests so far.
	Requests() []Request
	// Close closes the tab and drops its storage.
	Close() error
}

// Point is a point of a page, in CSS pixels from its upper left corner.
type Point struct{ X, Y float64 }

// Request is one request of a page.
type Request struct {
	URL string
	// Bytes is the size of the response on the wire, with its headers; 0 while it is
	// loading. The bytes of a WebSocket are not counted.
	Bytes int64
}

// limit bounds how many errors and how many requests of each page are recorded.
const limit = 1000

// jsonExpression returns an expression for the JSON of a value: a string, which both
// protocols transfer in the same way.
func jsonExpression(expression string) string {
	return "(async () => JSON.stringify((await (" + expression + ")) ?? null))()"
}

func decodeValue(text string, result any) error {
	if result == nil {
		return nil
	}
	if err := json.Unmarshal([]byte(text), result); err != nil {
		return fmt.Errorf("value %.200q: %w", text, err)
	}
	return nil
}
