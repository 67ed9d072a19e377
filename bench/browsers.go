package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"callbox/e2e/browser"
)

// watchJS records when the person clicks on Join, and when the page shows the other
// peer's first frame.
//
//go:embed watch.js
var watchJS string

// weightLimit bounds the bytes of all requests of the page.
const weightLimit = 150_000

// browserCalls measures calls of two pages in one Chromium, and the bytes that a page loads.
func browserCalls(ctx context.Context, p *program, e effort) (figures []figure, err error) {
	if _, err := exec.LookPath("chromium"); err != nil {
		return []figure{{name: "page weight and browser-browser call", value: "needs chromium"}}, nil
	}
	s, err := p.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	b, err := browser.StartChromium(ctx, browser.Options{Flags: []string{"--allow-loopback-in-peer-connection"}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }() //nolint:contextcheck // it must work when the context has ended
	weight, requests, err := pageWeight(ctx, b, s.url)
	if err != nil {
		return nil, err
	}
	figures = []figure{{
		name: fmt.Sprintf("page weight, %d requests", requests), value: fmt.Sprintf("%.1f KB", float64(weight)/1000),
		target: fmt.Sprintf("<= %d KB", weightLimit/1000), missed: weight > weightLimit,
	}}
	pointed, err := timedCalls(ctx, b, s.url+"/r/pointed", e.browserCalls, true)
	if err != nil {
		return nil, err
	}
	surprised, err := timedCalls(ctx, b, s.url+"/r/surprised", e.browserCalls, false)
	if err != nil {
		return nil, err
	}
	took, ran, err := tracedCalls(ctx, b, s.url, e.tracedCalls)
	if err != nil {
		return nil, err
	}
	return append(figures,
		timesAndMost("browser-browser: click to first frame shown", pointed, 400*time.Millisecond, 700*time.Millisecond),
		timesAndMost("the same, without a pointer before the click", surprised, 400*time.Millisecond, 700*time.Millisecond),
		timesAndMost("longest task of a page meanwhile", took, taskLimit, taskLimit),
		times("of that, with a processor", ran, taskLimit)), nil
}

// timedCalls makes calls one after the other, each in a room of its own, and returns what [browserCall] does.
func timedCalls(ctx context.Context, b browser.Browser, url string, calls int, pointer bool) (series []time.Duration, err error) {
	for i := range calls {
		took, err := browserCall(ctx, b, fmt.Sprintf("%s-%d", url, i), pointer)
		if err != nil {
			return nil, err
		}
		series = append(series, took)
	}
	return series, nil
}

// pageWeight loads the page of a room without a cache, and returns the bytes of all requests.
func pageWeight(ctx context.Context, b browser.Browser, url string) (weight int64, requests int, err error) {
	page, err := b.Open(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, page.Close()) }()
	if err := page.Goto(ctx, url+"/r/weight"); err != nil {
		return 0, 0, err
	}
	if err := until(ctx, page, `document.body.dataset.screen === "prejoin"`); err != nil {
		return 0, 0, err
	}
	for _, r := range page.Requests() {
		weight += r.Bytes
		requests++
	}
	return weight, requests, nil
}

// browserCall returns the time from the second person's click on Join to the first frame that their page shows. With
// pointer, the mouse is over the button shortly before, as a person's is.
func browserCall(ctx context.Context, b browser.Browser, url string, pointer bool) (took time.Duration, err error) {
	err = withCall(ctx, b, url, pointer, func(ms float64) error {
		took = time.Duration(ms * float64(time.Millisecond))
		return nil
	})
	return took, err
}

// withCall makes a call of two pages, and calls f while they are in it, with the milliseconds from the second person's click
// on Join to the first frame that their page shows.
func withCall(ctx context.Context, b browser.Browser, url string, pointer bool, f func(ms float64) error) (err error) {
	var pages [2]browser.Page
	for i := range pages {
		page, err := b.Open(ctx, watchJS)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, page.Close()) }()
		pages[i] = page
	}
	if err := loadPages(ctx, pages, url); err != nil {
		return err
	}
	for i, page := range pages {
		if err := clickJoin(ctx, page, pointer); err != nil {
			return err
		}
		if i == 0 {
			if err := until(ctx, page, `document.body.dataset.screen === "waiting"`); err != nil {
				return err
			}
		}
	}
	// Nothing is asked of the pages meanwhile, which would take their time.
	shown, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var ms float64
	if err := pages[1].Eval(shown, "watched.frame.then((frame) => frame - watched.click)", &ms); err != nil {
		return err
	}
	return f(ms)
}

// loadPages loads the page of a room in both pages, until each shows the picture of its camera.
func loadPages(ctx context.Context, pages [2]browser.Page, url string) error {
	var group sync.WaitGroup
	var faults [2]error
	for i, page := range pages {
		group.Go(func() {
			if faults[i] = page.Goto(ctx, url); faults[i] != nil {
				return
			}
			faults[i] = until(ctx, page, `(() => {
				if (document.body?.dataset.screen !== "prejoin") return false;
				const allow = document.querySelector('[data-action="allow"]');
				if (allow.checkVisibility()) allow.click();
				return document.querySelector('[data-video="preview"]').videoWidth > 0;
			})()`)
		})
	}
	group.Wait()
	return errors.Join(faults[:]...)
}

// aiming is the time from the moment when the mouse is over a button to the click. People take longer.
const aiming = 150 * time.Millisecond

// clickJoin clicks on Join, which must be visible, as a person does.
func clickJoin(ctx context.Context, page browser.Page, pointer bool) error {
	mouse, ok := page.(interface {
		MoveMouse(ctx context.Context, x, y float64) error
		ClickMouse(ctx context.Context, x, y float64) error
	})
	if !ok {
		return errors.New("this browser has no mouse")
	}
	// The page still changes, and the button with it: a text about the microphone appears.
	if err := until(ctx, page, `(() => {
		const button = document.querySelector('[data-prejoin] [data-action="join"]');
		button.scrollIntoView({block: "nearest", behavior: "instant"});
		const {x, y, width, height} = button.getBoundingClientRect();
		const at = {X: x + width / 2, Y: y + height / 2}, before = watched.button ?? {};
		const still = at.X === before.X && at.Y === before.Y;
		watched.button = still ? before : {...at, since: performance.now()};
		return !button.disabled && performance.now() - watched.button.since > 700;
	})()`); err != nil {
		return err
	}
	var at struct{ X, Y float64 }
	if err := page.Eval(ctx, "watched.button", &at); err != nil {
		return err
	}
	if pointer {
		if err := mouse.MoveMouse(ctx, at.X, at.Y); err != nil {
			return err
		}
		select {
		case <-time.After(aiming):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return mouse.ClickMouse(ctx, at.X, at.Y)
}

// until waits until an expression is true in the page.
func until(ctx context.Context, page browser.Page, expression string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var yes bool
		if err := page.Eval(ctx, expression, &yes); err != nil {
			return err
		}
		if yes {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("never true in the page: %s", expression)
		}
	}
}
