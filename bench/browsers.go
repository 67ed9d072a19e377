package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"callbox/e2e/browser"
)

// watchJS records when the page sends join, and when it shows the other peer's first
// frame.
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
	var series []time.Duration
	for i := range e.browserCalls {
		took, err := browserCall(ctx, b, fmt.Sprintf("%s/r/browsers-%d", s.url, i))
		if err != nil {
			return nil, err
		}
		series = append(series, took)
	}
	return []figure{
		{
			name: fmt.Sprintf("page weight, %d requests", requests), value: fmt.Sprintf("%.1f KB", float64(weight)/1000),
			target: fmt.Sprintf("<= %d KB", weightLimit/1000), missed: weight > weightLimit,
		},
		times("browser-browser: join to first frame shown", series, time.Second),
	}, nil
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

// browserCall returns the time from the second page's join to the first frame that it shows.
func browserCall(ctx context.Context, b browser.Browser, url string) (took time.Duration, err error) {
	var pages [2]browser.Page
	for i, screen := range []string{"waiting", "call"} {
		page, err := b.Open(ctx, watchJS)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, page.Close()) }()
		pages[i] = page
		if err := page.Goto(ctx, url); err != nil {
			return 0, err
		}
		for _, step := range []string{
			`document.body.dataset.screen === "prejoin"`,
			`(() => {
				const allow = document.querySelector('[data-action="allow"]');
				if (allow.checkVisibility()) allow.click();
				return document.querySelector('[data-video="preview"]').videoWidth > 0;
			})()`,
			`document.querySelector('[data-action="join"]').click() === undefined`,
			fmt.Sprintf(`document.body.dataset.screen === %q`, screen),
		} {
			if err := until(ctx, page, step); err != nil {
				return 0, err
			}
		}
	}
	if err := until(ctx, pages[1], "watched.frame > 0"); err != nil {
		return 0, err
	}
	var ms float64
	err = pages[1].Eval(ctx, "watched.frame - watched.join", &ms)
	return time.Duration(ms * float64(time.Millisecond)), err
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
