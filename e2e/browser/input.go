package browser

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// key is a key that does not type a character, or a modifier, in the terms of both protocols.
type key struct {
	code      string // of DOM's KeyboardEvent
	number    int    // that Chromium gets
	webdriver rune   // of W3C WebDriver, section 17.4.2
	modifier  int    // Chromium's bit
}

//nolint:gochecknoglobals // a table that is only read
var keys = map[string]key{
	"Alt": {"AltLeft", 18, '\uE00A', 1}, "Control": {"ControlLeft", 17, '\uE009', 2}, "Shift": {"ShiftLeft", 16, '\uE008', 8},
	"Tab": {"Tab", 9, '\uE004', 0}, "Enter": {"Enter", 13, '\uE007', 0}, "Escape": {"Escape", 27, '\uE00C', 0}, "End": {"End", 35, '\uE010', 0},
	"Home": {"Home", 36, '\uE011', 0}, "ArrowLeft": {"ArrowLeft", 37, '\uE012', 0}, "ArrowUp": {"ArrowUp", 38, '\uE013', 0},
	"ArrowRight": {"ArrowRight", 39, '\uE014', 0}, "ArrowDown": {"ArrowDown", 40, '\uE015', 0},
}

// Press presses the keys one after the other and releases them in the reverse order, see [Page].
func (p *chromiumPage) Press(ctx context.Context, names ...string) error {
	modifiers := 0
	for _, name := range names {
		if err := p.key(ctx, "keyDown", name, modifiers|keys[name].modifier); err != nil {
			return err
		}
		modifiers |= keys[name].modifier
	}
	for i := len(names) - 1; i >= 0; i-- {
		modifiers &^= keys[names[i]].modifier
		if err := p.key(ctx, "keyUp", names[i], modifiers); err != nil {
			return err
		}
	}
	return nil
}

func (p *chromiumPage) key(ctx context.Context, what, name string, modifiers int) error {
	k, special := keys[name]
	text := ""
	if !special {
		r, _ := utf8.DecodeRuneInString(strings.ToUpper(name))
		k = key{code: "Key" + string(r), number: int(r)}
		text = name
	}
	if name == "Enter" {
		text = "\r"
	}
	if modifiers&^keys["Shift"].modifier != 0 || what == "keyUp" {
		text = "" // it types nothing
	}
	return p.call(ctx, "Input.dispatchKeyEvent", object{
		"type": what, "key": name, "code": k.code, "windowsVirtualKeyCode": k.number, "modifiers": modifiers, "text": text,
	}, nil)
}

// Drag moves the mouse from one point to another with its button down, see [Page].
func (p *chromiumPage) Drag(ctx context.Context, from, to Point) error {
	middle := Point{(from.X + to.X) / 2, (from.Y + to.Y) / 2}
	for _, step := range []struct {
		what   string
		at     Point
		button string
	}{
		{"mouseMoved", from, "none"},
		{"mousePressed", from, "left"},
		{"mouseMoved", middle, "left"},
		{"mouseMoved", to, "left"},
		{"mouseReleased", to, "left"},
	} {
		params := object{"type": step.what, "x": step.at.X, "y": step.at.Y, "button": step.button, "clickCount": 1}
		if step.button == "left" && step.what != "mouseReleased" {
			params["buttons"] = 1
		}
		if err := p.call(ctx, "Input.dispatchMouseEvent", params, nil); err != nil {
			return err
		}
	}
	return nil
}

// Cover puts another tab in front, see [Page].
func (p *chromiumPage) Cover(ctx context.Context) error {
	create := object{"url": "about:blank", "browserContextId": p.storage}
	return p.browser.link.call(ctx, "", "Target.createTarget", create, nil)
}

// Press presses the keys one after the other and releases them in the reverse order, see [Page].
func (p *firefoxPage) Press(ctx context.Context, names ...string) error {
	var actions []object
	value := func(name string) string {
		if k, ok := keys[name]; ok {
			return string(k.webdriver)
		}
		return name
	}
	for _, name := range names {
		actions = append(actions, object{"type": "keyDown", "value": value(name)})
	}
	for i := len(names) - 1; i >= 0; i-- {
		actions = append(actions, object{"type": "keyUp", "value": value(names[i])})
	}
	return p.act(ctx, object{"type": "key", "id": "keyboard", "actions": actions})
}

// Drag moves the mouse from one point to another with its button down, see [Page].
func (p *firefoxPage) Drag(ctx context.Context, from, to Point) error {
	move := func(to Point) object {
		return object{"type": "pointerMove", "x": int(to.X), "y": int(to.Y), "duration": 0}
	}
	return p.act(ctx, object{"type": "pointer", "id": "mouse", "parameters": object{"pointerType": "mouse"}, "actions": []object{
		move(from),
		{"type": "pointerDown", "button": 0},
		move(Point{(from.X + to.X) / 2, (from.Y + to.Y) / 2}), move(to),
		{"type": "pointerUp", "button": 0},
	}})
}

func (p *firefoxPage) act(ctx context.Context, source object) error {
	params := object{"context": p.context, "actions": []object{source}}
	if err := p.browser.link.call(ctx, "", "input.performActions", params, nil); err != nil {
		return fmt.Errorf("input: %w", err)
	}
	return nil
}

// Cover puts another tab in front, see [Page].
func (p *firefoxPage) Cover(ctx context.Context) error {
	create := object{"type": "tab", "userContext": p.storage, "background": false}
	return p.browser.link.call(ctx, "", "browsingContext.create", create, nil)
}
