// Package browser drives real browsers in tests: Chromium by the DevTools
// protocol over a pipe, Firefox by WebDriver BiDi over a WebSocket, both
// behind one interface and without a driver program between.
//
// Every browser has a throwaway profile and a process group of its own, and
// may be started in another network namespace. Certificates are checked:
// Options.CA is the one way to make a browser trust another authority.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
)

// Options say how a browser is started. The zero value is good.
type Options struct {
	// Start starts the process; nil is exec.Cmd.Start. A namespace's own
	// start puts the browser there.
	Start func(*exec.Cmd) error
	// Dial reaches a loopback port of the browser's network; nil is the
	// machine's own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// CA is a PEM file of an authority that the profile trusts for TLS.
	CA string
	// Video and Audio are files that Chromium plays as its camera (mjpeg,
	// y4m) and microphone (wav); empty is its own test picture and beep.
	// Firefox has its own.
	Video, Audio string
	// Ask leaves the question for camera and microphone open, and so
	// refused, where otherwise it is answered with yes.
	Ask bool
	// Prefs are lines of Firefox' user.js, added to what it always gets.
	Prefs string
	// Flags are added to the command line.
	Flags []string
}

// Browser is one running browser.
type Browser interface {
	// Name is "chromium" or "firefox".
	Name() string
	// Open makes a new tab with storage of its own. The preload scripts run in
	// each document before the page's own.
	Open(ctx context.Context, preload ...string) (Page, error)
	// Close ends the process and all its children, and removes the profile.
	Close() error
}

// Page is one tab.
type Page interface {
	// Goto loads the address and waits for the load event.
	Goto(ctx context.Context, url string) error
	// Eval gives the JSON value of a JavaScript expression, awaited when it is
	// a promise, as if a person had just clicked. With result nil the value
	// is dropped.
	Eval(ctx context.Context, expression string, result any) error
	// Screenshot is what the tab shows, as PNG.
	Screenshot(ctx context.Context) ([]byte, error)
	// Complaints are the errors that the page and the browser have reported so
	// far: uncaught exceptions, console errors, violated policies, failed loads.
	Complaints() []string
	// Requests are all that the page has asked of the network so far.
	Requests() []Request
	// Close closes the tab and drops its storage.
	Close() error
}

// Request is one request of a page.
type Request struct {
	URL string
	// Bytes came over the wire as the answer, headers included; 0 while it is
	// still loading. Those of a WebSocket are not counted.
	Bytes int64
}

// limit bounds what is kept of each page's complaints and requests.
const limit = 1000

// jsonExpression makes a value travel as one string, which both protocols
// carry in the same way.
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
