package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"callbox/peer"
)

// Pauses before the room is joined again after a join that failed.
const (
	firstRejoinPause = time.Second
	maxRejoinPause   = 30 * time.Second
)

// foreverFlag makes one call after the other.
type foreverFlag struct {
	Forever bool `group:"Call:" help:"Answer call after call, until stopped, and wait for callers without limit. --json gets a line for each call. The exit code is that of the first call that failed, or 0."`
}

// runForever makes calls until ctx ends. The error is that of the first call that failed,
// but the first join must succeed.
func (p *peerCommand) runForever(ctx context.Context, out io.Writer, printer *callPrinter, log *slog.Logger) error {
	var failed error
	pause := firstRejoinPause
	for calls := 0; ctx.Err() == nil; {
		report, err := p.runOnce(ctx, printer, log)
		if err != nil {
			return err
		}
		if report.ExitCode == peer.Interrupted && report.TimelineMS.DTLSConnected == nil {
			break // while it waited
		}
		printer.result(report)
		line, err := json.Marshal(report)
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		if err != nil {
			return fmt.Errorf("--json: %w", err)
		}
		if report.ExitCode != peer.Good && report.ExitCode != peer.Interrupted && failed == nil {
			failed = &exitError{int(report.ExitCode), errors.New(report.Reason)}
		}
		if report.ExitCode != peer.NotJoined {
			calls, pause = calls+1, firstRejoinPause
			continue
		}
		if calls == 0 {
			return failed
		}
		wait(ctx, pause)
		pause = min(2*pause, maxRejoinPause)
	}
	return failed
}

// runOnce makes one of many calls. Each needs sources of its own.
func (p *peerCommand) runOnce(ctx context.Context, printer *callPrinter, log *slog.Logger) (*peer.Report, error) {
	cfg, err := p.config()
	if err != nil { // a file has changed since the start
		return nil, &exitError{exitUsage, err}
	}
	cfg.Logger, cfg.Observe, cfg.KeyLog, cfg.PeerTimeout = log, printer.event, p.keys, -1
	report, recordErr, err := p.runCall(ctx, cfg, printer, log)
	if err == nil && recordErr != nil && report.ExitCode == peer.Good {
		log.Warn("the recording is not complete", "error", recordErr)
	}
	return report, err
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
