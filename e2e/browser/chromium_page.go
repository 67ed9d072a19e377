package browser

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

type chromiumPage struct {
	record
	browser *Chromium
	storage string // the id of its browser context; "" = that of the profile
	target  string
	session string
	loads   chan struct{}
	frames  map[string]string // sessions of frames, by their targets
}

// Open opens a tab, see [Browser].
func (c *Chromium) Open(ctx context.Context, preload ...string) (Page, error) {
	var storage struct{ BrowserContextID string }
	if !c.shared {
		if err := c.link.call(ctx, "", "Target.createBrowserContext", object{"disposeOnDetach": true}, &storage); err != nil {
			return nil, err
		}
	}
	p := &chromiumPage{browser: c, storage: storage.BrowserContextID, loads: make(chan struct{}, 1), frames: map[string]string{}}
	if err := p.attach(ctx, preload); err != nil {
		return nil, errors.Join(err, p.Close()) //nolint:contextcheck // it must work when the context has ended
	}
	return p, nil
}

func (p *chromiumPage) attach(ctx context.Context, preload []string) error {
	c := p.browser
	var target struct{ TargetID, SessionID string }
	// In a new window, because a tab in the background draws nothing.
	create := object{"url": "about:blank", "newWindow": true}
	if p.storage != "" {
		create["browserContextId"] = p.storage
	}
	if err := c.link.call(ctx, "", "Target.createTarget", create, &target); err != nil {
		return err
	}
	if err := c.link.call(ctx, "", "Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true}, &target); err != nil {
		return err
	}
	p.session, p.target = target.SessionID, target.TargetID
	c.mu.Lock()
	c.pages[p.session] = p
	c.mu.Unlock()
	for _, domain := range []string{"Page", "Network", "Runtime", "Log"} {
		if err := p.call(ctx, domain+".enable", object{}, nil); err != nil {
			return err
		}
	}
	for _, script := range preload {
		if err := p.call(ctx, "Page.addScriptToEvaluateOnNewDocument", object{"source": script}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (p *chromiumPage) call(ctx context.Context, method string, params, result any) error {
	return p.browser.link.call(ctx, p.session, method, params, result)
}

func (p *chromiumPage) Goto(ctx context.Context, url string) error {
	err := p.load(ctx, url)
	if err != nil && strings.Contains(err.Error(), "net::ERR_NETWORK_CHANGED") {
		// A link of the namespace has just come up. Now the network works.
		err = p.load(ctx, url)
	}
	return err
}

func (p *chromiumPage) load(ctx context.Context, url string) error {
	select {
	case <-p.loads: // of an earlier address
	default:
	}
	var navigated struct{ ErrorText string }
	if err := p.call(ctx, "Page.navigate", object{"url": url}, &navigated); err != nil {
		return err
	}
	if navigated.ErrorText != "" {
		return fmt.Errorf("load %s: %s", url, navigated.ErrorText)
	}
	select {
	case <-p.loads:
		return nil
	case <-p.browser.link.done:
		return errClosed
	case <-ctx.Done():
		return fmt.Errorf("load %s: %w", url, context.Cause(ctx))
	}
}

func (p *chromiumPage) Eval(ctx context.Context, expression string, result any) error {
	return p.evalAt(ctx, p.session, expression, result)
}

// EvalIn evaluates an expression in a frame, see [Page]. Frames of other sites have
// targets of their own.
func (p *chromiumPage) EvalIn(ctx context.Context, url, expression string, result any) error {
	var all struct {
		TargetInfos []struct{ TargetID, Type, URL, BrowserContextID string }
	}
	if err := p.browser.link.call(ctx, "", "Target.getTargets", object{}, &all); err != nil {
		return err
	}
	for _, target := range all.TargetInfos {
		if target.Type != "iframe" || target.BrowserContextID != p.storage || !strings.HasPrefix(target.URL, url) {
			continue
		}
		session, err := p.attachFrame(ctx, target.TargetID)
		if err != nil {
			return err
		}
		return p.evalAt(ctx, session, expression, result)
	}
	return fmt.Errorf("the page has no frame at %s", url)
}

// attachFrame returns the session of a frame, whose errors and requests become those of
// the page.
func (p *chromiumPage) attachFrame(ctx context.Context, target string) (string, error) {
	if session, ok := p.frames[target]; ok {
		return session, nil
	}
	c := p.browser
	var attached struct{ SessionID string }
	if err := c.link.call(ctx, "", "Target.attachToTarget", object{"targetId": target, "flatten": true}, &attached); err != nil {
		return "", err
	}
	c.mu.Lock()
	c.pages[attached.SessionID] = p
	c.mu.Unlock()
	p.frames[target] = attached.SessionID
	for _, domain := range []string{"Network", "Runtime", "Log"} {
		if err := c.link.call(ctx, attached.SessionID, domain+".enable", object{}, nil); err != nil {
			return "", err
		}
	}
	return attached.SessionID, nil
}

func (p *chromiumPage) evalAt(ctx context.Context, session, expression string, result any) error {
	var evaluated struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	err := p.browser.link.call(ctx, session, "Runtime.evaluate", object{
		"expression": jsonExpression(expression), "awaitPromise": true, "returnByValue": true, "userGesture": true,
	}, &evaluated)
	if err != nil {
		return err
	}
	if e := evaluated.ExceptionDetails; e != nil {
		return fmt.Errorf("%s %s", e.Text, e.Exception.Description)
	}
	text, _ := evaluated.Result.Value.(string)
	return decodeValue(text, result)
}

// Resize sets the size of the page's window, in CSS pixels.
func (p *chromiumPage) Resize(ctx context.Context, width, height int) error {
	return p.call(ctx, "Emulation.setDeviceMetricsOverride", object{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// Hide minimizes the window of the page, so that it is hidden, or shows it again.
func (p *chromiumPage) Hide(ctx context.Context, hidden bool) error {
	var window struct{ WindowID int }
	if err := p.browser.link.call(ctx, "", "Browser.getWindowForTarget", object{"targetId": p.target}, &window); err != nil {
		return err
	}
	state := map[bool]string{true: "minimized", false: "normal"}[hidden]
	return p.browser.link.call(ctx, "", "Browser.setWindowBounds", object{"windowId": window.WindowID, "bounds": object{"windowState": state}}, nil)
}

// Listeners returns how many event listeners of scripts the page has, once its garbage is
// collected.
func (p *chromiumPage) Listeners(ctx context.Context) (int, error) {
	if err := p.call(ctx, "HeapProfiler.collectGarbage", object{}, nil); err != nil {
		return 0, err
	}
	var counters struct{ JsEventListeners int }
	err := p.call(ctx, "Memory.getDOMCounters", object{}, &counters)
	return counters.JsEventListeners, err
}

func (p *chromiumPage) Screenshot(ctx context.Context) ([]byte, error) {
	var shot struct{ Data string }
	if err := p.call(ctx, "Page.captureScreenshot", object{"format": "png"}, &shot); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(shot.Data)
}

// event is called on the goroutine of link.run.
func (p *chromiumPage) event(m message) {
	var e struct {
		RequestID, URL, Type, ErrorText string
		EncodedDataLength               float64
		Canceled                        bool
		Request                         struct{ URL string }
		Args                            []struct{ Value, Description any }
		Entry                           struct{ Level, Source, Text, URL string }
		ExceptionDetails                struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if json.Unmarshal(m.Params, &e) != nil {
		return
	}
	switch m.Method {
	case "Page.loadEventFired":
		select {
		case p.loads <- struct{}{}:
		default:
		}
	case "Network.requestWillBeSent":
		p.request(e.RequestID, e.Request.URL)
	case "Network.webSocketCreated":
		p.request(e.RequestID, e.URL)
	case "Network.loadingFinished":
		p.loaded(e.RequestID, int64(e.EncodedDataLength))
	case "Runtime.consoleAPICalled":
		if e.Type == "error" || e.Type == "assert" {
			p.addError(fmt.Sprint("console: ", e.Args))
		}
	case "Runtime.exceptionThrown":
		p.addError(e.ExceptionDetails.Text + " " + e.ExceptionDetails.Exception.Description)
	case "Log.entryAdded":
		if e.Entry.Level == "error" {
			p.addError(e.Entry.Source + ": " + e.Entry.Text + " " + e.Entry.URL)
		}
	}
}

func (p *chromiumPage) Close() error {
	c := p.browser
	c.mu.Lock()
	delete(c.pages, p.session)
	for _, session := range p.frames {
		delete(c.pages, session)
	}
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if p.storage == "" {
		return c.link.call(ctx, "", "Target.closeTarget", object{"targetId": p.target}, nil)
	}
	return c.link.call(ctx, "", "Target.disposeBrowserContext", object{"browserContextId": p.storage}, nil)
}

// CloseTab closes the tab as a person does: the page learns of it. Close must be called all the same.
func (p *chromiumPage) CloseTab(ctx context.Context) error {
	return p.call(ctx, "Page.close", object{}, nil)
}
