package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"callbox/peer"
	"callbox/peer/record"
)

// recordFlags are the flags of callbox peer for recordings.
type recordFlags struct {
	Record       string   `placeholder:"DIR" group:"Media:" help:"Record what arrives into files in DIR. The other side is told, and nothing is recorded before it knows."`
	RecordFormat []string `placeholder:"FORMAT" group:"Media:" help:"Files to record: webm, one with video and audio; tracks, one for each track (IVF, H.264, Ogg, AU); rtpdump, the RTP packets, to be replayed. Repeatable. Default: webm."`
}

// checkRecord evaluates the flags.
func (f *recordFlags) checkRecord(sendOnly bool, wrong *faults) {
	switch {
	case f.Record == "" && len(f.RecordFormat) > 0:
		wrong.addf("--record-format", "without --record nothing is recorded")
	case f.Record != "" && sendOnly:
		wrong.addf("--record", "with --whip nothing arrives that could be recorded")
	}
	_, err := f.formats()
	wrong.add("--record-format", err)
}

func (f *recordFlags) formats() ([]record.Format, error) {
	var formats []record.Format
	for _, name := range f.RecordFormat {
		switch format := record.Format(name); format {
		case record.WebM, record.Tracks, record.RTPDump:
			formats = append(formats, format)
		default:
			return nil, fmt.Errorf("%q is not webm, tracks or rtpdump", name)
		}
	}
	return formats, nil
}

// runCall makes a call, and records it if that is wanted. recordErr says what could not be
// recorded; err is a usage error.
func (f *recordFlags) runCall(ctx context.Context, cfg peer.Config, printer *callPrinter, log *slog.Logger) (r *peer.Report, recordErr, err error) {
	if f.Record == "" {
		r, err = peer.Run(ctx, cfg)
		return r, nil, err
	}
	formats, err := f.formats()
	if err != nil {
		return nil, nil, err
	}
	recorder, err := record.New(record.Config{Dir: f.Record, Formats: formats, Logger: log})
	if err != nil {
		return nil, nil, fmt.Errorf("--record: %w", err)
	}
	cfg.Record = recorder
	r, err = peer.Run(ctx, cfg)
	if recordErr = recorder.Close(); recordErr != nil {
		recordErr = fmt.Errorf("--record: %w", recordErr)
	}
	if err == nil {
		printer.recorded = recorder.Files()
	}
	return r, recordErr, err
}

// recordExit makes the exit code of a call that was good that of an output that failed.
func recordExit(r *peer.Report, recordErr error) error {
	if recordErr == nil || r.ExitCode != peer.Good {
		return nil
	}
	return &exitError{exitFailed, errors.Join(errors.New("the recording is not complete"), recordErr)}
}
