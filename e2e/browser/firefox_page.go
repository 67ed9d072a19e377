package browser

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

type firefoxPage struct {
	record
	browser *Firefox
	storage string // the id of its user context; "default" = that of the profile
	context string // the id of its browsing context
}

// Open opens a tab, see [Browser].
func (f *Firefox) Open(ctx context.Context, preload ...string) (Page, error) {
	storage := struct{ UserContext string }{"default"}
	if !f.shared {
		if err := f.link.call(ctx, "", "browser.createUserContext", object{}, &storage); err != nil {
			return nil, err
		}
	}
	p := &firefoxPage{browser: f, storage: storage.UserContext}
	if err := p.attach(ctx, preload); err != nil {
		return nil, errors.Join(err, p.Close()) //nolint:contextcheck // it must work when the context has ended
	}
	return p, nil
}

func (p *firefoxPage) attach(ctx context.Context, preload []string) error {
	f := p.browser
	var tab struct{ Context string }
	if err := f.link.call(ctx, "", "browsingContext.create", object{"type": "tab", "userContext": p.storage}, &tab); err != nil {
		return err
	}
	p.context = tab.Context
	f.mu.Lock()
	f.pages[p.context] = p
	f.mu.Unlock()
	for _, script := range preload {
		params := object{"functionDeclaration": "() => {" + script + "\n}", "contexts": []string{p.context}}
		if err := f.link.call(ctx, "", "script.addPreloadScript", params, nil); err != nil {
			return err
		}
	}
	return nil
}

func (p *firefoxPage) Goto(ctx context.Context, url string) error {
	return p.browser.link.call(ctx, "", "browsingContext.navigate", object{"context": p.context, "url": url, "wait": "complete"}, nil)
}

func (p *firefoxPage) Eval(ctx context.Context, expression string, result any) error {
	return p.evalAt(ctx, p.context, expression, result)
}

// tree is a browsing context with those of its frames.
type tree struct {
	Context, URL string
	Children     []tree
}

// find returns the first frame in the tree whose address begins with url.
func (t tree) find(url string) (string, bool) {
	for _, child := range t.Children {
		if strings.HasPrefix(child.URL, url) {
			return child.Context, true
		}
		if found, ok := child.find(url); ok {
			return found, true
		}
	}
	return "", false
}

// EvalIn evaluates an expression in a frame, see [Page].
func (p *firefoxPage) EvalIn(ctx context.Context, url, expression string, result any) error {
	var all struct{ Contexts []tree }
	if err := p.browser.link.call(ctx, "", "browsingContext.getTree", object{"root": p.context}, &all); err != nil {
		return err
	}
	for _, root := range all.Contexts {
		if frame, ok := root.find(url); ok {
			return p.evalAt(ctx, frame, expression, result)
		}
	}
	return fmt.Errorf("the page has no frame at %s", url)
}

func (p *firefoxPage) evalAt(ctx context.Context, browsing, expression string, result any) error {
	var evaluated struct {
		Type             string
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	err := p.browser.link.call(ctx, "", "script.evaluate", object{
		"expression": jsonExpression(expression), "awaitPromise": true, "userActivation": true,
		"target": object{"context": browsing},
	}, &evaluated)
	if err != nil {
		return err
	}
	if evaluated.Type != "success" {
		return errors.New(evaluated.ExceptionDetails.Text)
	}
	return decodeValue(evaluated.Result.Value, result)
}

func (p *firefoxPage) Screenshot(ctx context.Context) ([]byte, error) {
	var shot struct{ Data string }
	if err := p.browser.link.call(ctx, "", "browsingContext.captureScreenshot", object{"context": p.context}, &shot); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(shot.Data)
}

// stackTrace says where an error was thrown (WebDriver BiDi, script.StackTrace).
type stackTrace struct {
	CallFrames []struct {
		URL, FunctionName string
		LineNumber        int // from 0
	}
}

// String returns the innermost calls, to append to an error.
func (s *stackTrace) String() string {
	var text string
	for _, frame := range s.CallFrames[:min(3, len(s.CallFrames))] {
		text += fmt.Sprintf(" at %s %s:%d", frame.FunctionName, path.Base(frame.URL), frame.LineNumber+1)
	}
	return text
}

// event is called on the goroutine of link.run.
func (f *Firefox) event(m message) {
	var e struct {
		Context, Level, Type, Text, ErrorText string
		Source                                struct{ Context string }
		Request                               struct{ Request, URL string }
		Response                              struct{ BytesReceived int64 }
		StackTrace                            stackTrace
	}
	if json.Unmarshal(m.Params, &e) != nil {
		return
	}
	if e.Context == "" {
		e.Context = e.Source.Context
	}
	f.mu.Lock()
	p := f.pages[e.Context]
	f.mu.Unlock()
	if p == nil {
		return
	}
	switch m.Method {
	case "log.entryAdded":
		if e.Level == "error" {
			p.addError(e.Type + ": " + e.Text + e.StackTrace.String())
		}
	case "network.beforeRequestSent":
		p.request(e.Request.Request, e.Request.URL)
	case "network.responseCompleted":
		p.loaded(e.Request.Request, e.Response.BytesReceived)
	case "network.fetchError":
		p.addError("load: " + e.ErrorText + " " + e.Request.URL)
	}
}

func (p *firefoxPage) Close() error {
	f := p.browser
	f.mu.Lock()
	delete(f.pages, p.context)
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if f.shared {
		return f.link.call(ctx, "", "browsingContext.close", object{"context": p.context}, nil)
	}
	// Removing the user context closes its tabs.
	return f.link.call(ctx, "", "browser.removeUserContext", object{"userContext": p.storage}, nil)
}
