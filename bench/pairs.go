package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"callbox/e2e/browser"
	"callbox/peer/load"
)

// What a pair of bots may cost, with both of its ends.
const (
	pairShare  = 0.6             // percent of a processor
	pairMemory = 1.8 * (1 << 20) // bytes
	pairSetup  = 15              // milliseconds of CPU time
	pagesRatio = 50              // how much more memory two pages take, at least
)

// pairsOfBots measures what calls of bots cost, many in one process, and what the same call
// costs in two pages of Chromium.
func pairsOfBots(ctx context.Context, p *program, e effort) (figures []figure, err error) {
	s, err := p.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	//nolint:gosec // G204: the arguments are this program's own
	command := exec.CommandContext(ctx, p.binary, "load", s.url, "--pairs", strconv.Itoa(e.pairs), "--ramp", "10/s",
		"--duration", e.pairsFor.String(), "--json", "-", "--log-level", "error")
	var out, faults bytes.Buffer
	command.Stdout, command.Stderr = &out, &faults
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("callbox load: %w\n%s", err, faults.String())
	}
	var r load.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return nil, fmt.Errorf("callbox load: %w", err)
	}
	name := fmt.Sprintf("%d pairs of bots, %s", e.pairs, e.pairsFor)
	figures = []figure{{
		name: name + ": pairs lost", value: strconv.Itoa(r.Pairs.Wanted - r.Pairs.Good), target: "<= 0", missed: r.Pairs.Good < r.Pairs.Wanted,
	}}
	if r.Cost.PairPct == nil || r.Cost.PairMB == nil || r.Cost.SetupMS == nil {
		return append(figures, figure{name: "the same: what a pair costs", value: "not known", missed: true}), nil
	}
	memory := *r.Cost.PairMB * 1e6
	figures = append(figures,
		atMost("the same: a processor's share for a pair", *r.Cost.PairPct, pairShare, "%.2f %%"),
		atMost("the same: memory of a pair", memory/1e6, pairMemory/1e6, "%.1f MB"),
		atMost("the same: CPU time to start a pair", *r.Cost.SetupMS, pairSetup, "%.0f ms"))
	return pagesBeside(ctx, figures, s.url, e, *r.Cost.PairPct, memory)
}

// pagesBeside measures a call of two pages, and compares it with a pair of bots.
func pagesBeside(ctx context.Context, figures []figure, url string, e effort, share, memory float64) ([]figure, error) {
	if _, err := exec.LookPath("chromium"); err != nil {
		return append(figures, figure{name: "the same call in Chromium", value: "needs chromium"}), nil //nolint:nilerr // said in the table
	}
	taken, busy, err := pagesCost(ctx, url, e)
	if err != nil {
		return nil, err
	}
	ratio := float64(taken) / memory
	return append(figures, figure{
		name: "two pages of Chromium in a call: memory", value: fmt.Sprintf("%.0f MB (%.0f times a pair of bots)", float64(taken)/1e6, ratio),
		target: fmt.Sprintf(">= %d times", pagesRatio), missed: ratio < pagesRatio,
	}, figure{
		name: "the same: a processor's share", value: fmt.Sprintf("%.0f %% (%.0f times a pair of bots)", 100*busy, 100*busy/share),
	}), nil
}

// pagesCost returns the memory of a Chromium with two pages in a call, in bytes, and which
// share of a processor it keeps busy.
func pagesCost(ctx context.Context, url string, e effort) (memory int, share float64, err error) {
	b, err := browser.StartChromium(ctx, browser.Options{Flags: []string{"--allow-loopback-in-peer-connection"}})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, b.Close()) }() //nolint:contextcheck // it must work when the context has ended
	err = withCall(ctx, b, url+"/r/beside", true, func(float64) error {
		before, err := b.CPU()
		if err != nil {
			return err
		}
		start := time.Now()
		select {
		case <-time.After(e.pagesFor):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		after, err := b.CPU()
		if err != nil {
			return err
		}
		share = (after - before).Seconds() / time.Since(start).Seconds()
		memory, err = b.Memory()
		return err
	})
	return memory, share, err
}

// atMost returns a figure that must not exceed a target.
func atMost(name string, measured, target float64, format string) figure {
	return figure{name: name, value: fmt.Sprintf(format, measured), target: "<= " + fmt.Sprintf(format, target), missed: measured > target}
}
