package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"callbox/internal/roomlink"
	"callbox/peer"
	"callbox/peer/load"
	"callbox/peer/pattern"
)

// loadCommand holds the arguments and flags of callbox load as given.
type loadCommand struct {
	URL string `arg:"" name:"url" help:"Address of the server, such as https://example.org."`

	Pairs    int           `default:"10" help:"How many calls to make, each between two bots in a room of its own. More than 50 need --token, or a server at a private or loopback address."`
	Ramp     string        `default:"10/s" placeholder:"RATE" help:"How many calls to begin in a second (10/s) or in a minute (30/m)."`
	Duration time.Duration `default:"30s" help:"How long each call lasts once it is connected."`

	Token     string `placeholder:"TOKEN" help:"Token for a server that requires one (see callbox token --room '*'), or @FILE. It must be for any room."`
	ICE       string `name:"ice" default:"all" help:"ICE candidates to use: all, host, srflx or relay."`
	TURNProto string `name:"turn-proto" placeholder:"PROTOCOL" help:"Transport protocol to TURN servers: udp, tcp or tls. Default: any."`
	Insecure  bool   `help:"Accept any certificate, both from the server and from its TURN over TLS."`

	Size    string        `default:"320x240" help:"Width and height of the test picture in pixels, multiples of 16."`
	FPS     int           `name:"fps" default:"15" help:"Frames per second of the test picture, 1 to 60. The default size and rate are about 0.5 Mbit/s in each direction."`
	Audio   string        `default:"speech" help:"speech: noise with the spectrum and the rhythm of speech, in Opus; none: no audio."`
	Timeout time.Duration `name:"connect-timeout" default:"15s" help:"How long a bot waits for the other one, and then again for the call to connect."`

	Expect []string       `sep:"none" placeholder:"LIST" help:"Expectations, separated by commas; if one is not met, the exit code is 1. They are values of the report by their path in JSON. Example: pairs.lost=0,pairs.good_pct>=99%,setup_ms.p95<1s,frames.intact_pct=100%. Repeatable. Default: that every pair is good."`
	JSON   string         `name:"json" placeholder:"FILE" help:"Write the report as JSON to FILE, or to standard output if FILE is -; then nothing else is written there."`
	RunID  string         `name:"run-id" placeholder:"TEXT" help:"Text that stands in the report as run_id."`
	Schema loadSchemaFlag `help:"Print the JSON Schema of the report and exit."`
}

// loadSchemaFlag prints the schema of the report, without a call.
type loadSchemaFlag bool

// BeforeReset implements kong's hook, which runs before arguments are checked.
func (loadSchemaFlag) BeforeReset(app *kong.Kong) error { return printSchema(app, load.JSONSchema()) }

// Help implements kong.HelpProvider.
func (*loadCommand) Help() string {
	return "A line a second says how far it is, and what it costs. It waits for as long as a server asks that refuses, and stops after 20 refusals in a row. " +
		"Exit codes: 0 every pair was good, or what --expect lists was met, 1 it was not, 2 usage error, 3 stopped after refusals, 130 interrupted."
}

// Run makes the calls and prints the result.
func (c *loadCommand) Run(ctx context.Context, std streams, log *slog.Logger) error {
	cfg, err := c.config()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	out, err := openResult(c.JSON, std.stdout)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--json: %w", err)}
	}
	printer := loadPrinter{w: std.stdout}
	if c.JSON == "-" {
		printer.w = io.Discard
	}
	cfg.Logger, cfg.Observe = log, printer.progress
	report, err := load.Run(ctx, cfg)
	if err != nil {
		return errors.Join(&exitError{exitUsage, err}, out.Close())
	}
	printer.result(report)
	if err := writeResult("--json", out, report.MarshalIndent); err != nil || report.ExitCode == peer.Good {
		return err
	}
	ended := &exitError{code: int(report.ExitCode)}
	if c.JSON == "-" { // the reason has not been printed
		ended.err = errors.New(report.Reason)
	}
	return ended
}

// config evaluates the flags; the error joins all faults.
func (c *loadCommand) config() (load.Config, error) {
	var wrong faults
	cfg := load.Config{
		Server: c.URL, Pairs: c.Pairs, Duration: c.Duration, ConnectTimeout: c.Timeout, FPS: c.FPS, Audio: c.Audio == "speech",
		ICE: peer.ICEPolicy(c.ICE), TURNProtocol: peer.TURNProtocol(c.TURNProto), RunID: c.RunID, Version: programVersion(),
	}
	if link, err := roomlink.Parse(c.URL); err == nil && link.Server != "" {
		wrong.addf("<url>", "it is the link of a room; give the address of the server alone, because each call has a room of its own")
	}
	var err error
	cfg.PerSecond, err = parseRamp(c.Ramp)
	wrong.add("--ramp", err)
	cfg.Token, err = readToken(c.Token)
	wrong.add("--token", err)
	cfg.Size, err = pattern.ParseSize(c.Size)
	wrong.add("--size", err)
	if c.Audio != "speech" && c.Audio != "none" {
		wrong.addf("--audio", "%q is neither speech nor none", c.Audio)
	}
	if c.FPS < peer.MinFPS || c.FPS > peer.MaxFPS {
		wrong.addf("--fps", "%d is not between %d and %d", c.FPS, peer.MinFPS, peer.MaxFPS)
	}
	if c.Pairs < 1 || c.Pairs > load.MaxPairs {
		wrong.addf("--pairs", "%d is not between 1 and %d", c.Pairs, load.MaxPairs)
	} else {
		wrong.add("--pairs", checkDescriptors(&cfg, descriptors()))
	}
	for flag, value := range map[string]time.Duration{"--duration": c.Duration, "--connect-timeout": c.Timeout} {
		if value <= 0 {
			wrong.addf(flag, "%v is not greater than 0", value)
		}
	}
	cfg.Expect, err = peer.ParseExpectationsOf(&load.Report{}, strings.Join(c.Expect, ","))
	wrong.add("--expect", err)
	if c.Insecure {
		cfg.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // that is what the flag says
	}
	return cfg, wrong.err()
}

// checkDescriptors returns an error if a run needs more file descriptors than the process may
// have. Otherwise the calls fail one by one in the middle of the run, and it looks as if the
// server were at fault.
func checkDescriptors(cfg *load.Config, limit int) error {
	pair, all := cfg.Descriptors()
	if limit == 0 || limit >= maxDescriptors || all <= limit { // from maxDescriptors on, the limit is not known exactly
		return nil
	}
	return fmt.Errorf("%d pairs need about %d open files, %d for each, and the limit is %d; raise it (as root: ulimit -n %d), or make fewer pairs",
		cfg.Pairs, all, pair, limit, all)
}

// parseRamp reads a rate such as 10/s or 30/m, as a number in a second.
func parseRamp(text string) (float64, error) {
	number, unit, ok := strings.Cut(text, "/")
	seconds := map[string]float64{"s": 1, "m": 60}[unit]
	rate, err := strconv.ParseFloat(number, 64)
	if !ok || seconds == 0 || err != nil || !(rate > 0) || rate/seconds > load.MaxPerSecond {
		return 0, fmt.Errorf("%q is not a rate such as 10/s or 30/m, up to %d/s", text, load.MaxPerSecond)
	}
	return rate / seconds, nil
}
