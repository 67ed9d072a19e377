package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"callbox/internal/roomlink"
	"callbox/internal/safefile"
	"callbox/peer"
	"callbox/peer/pattern"
)

// peerName is what the other side reads.
const peerName = "callbox peer"

// peerCommand holds the arguments and flags of callbox peer as they are given.
type peerCommand struct {
	URL  string `arg:"" name:"url" help:"The server's address, such as https://example.org, or the link of a room's page, which says the room as well, and the token if there is one in it."`
	Room string `arg:"" optional:"" name:"room" help:"The room to join, by its name or its page's link."`

	Token string `placeholder:"TOKEN" group:"The way:" help:"Token for a server that wants one, see callbox token; or @FILE. Default: the one in the room's link."`

	Video string `default:"pattern" group:"What is sent:" help:"pattern: a picture that can be checked, with its frame number and the time as a barcode; or none."`
	Audio string `default:"tone" group:"What is sent:" help:"tone: a sine of 1 kHz; or none."`
	Size  string `default:"320x240" group:"What is sent:" help:"Width and height of the pattern in pixels, multiples of 16."`
	FPS   int    `name:"fps" default:"15" group:"What is sent:" help:"Frames of the pattern in a second, 1 to 60."`

	ICE       string `name:"ice" default:"all" group:"The way:" help:"Candidates to use: all, host, srflx or relay. host and srflx withhold the others, and do not keep the other side's checks out."`
	TURNProto string `name:"turn-proto" placeholder:"PROTOCOL" group:"The way:" help:"How to speak with TURN servers: udp, tcp or tls. Default: any."`
	Insecure  bool   `group:"The way:" help:"Accept any certificate, of the server and of its TURN over TLS. Better: trust the server's CA with SSL_CERT_FILE=ca.crt in the environment."`

	Duration       time.Duration `default:"10s" group:"The call:" help:"How long the call goes on once it is connected."`
	ConnectTimeout time.Duration `default:"15s" group:"The call:" help:"How long to wait for somebody to come, and again for the call to connect."`

	Expect string `placeholder:"LIST" group:"The result:" help:"What must come true, or the exit code is 1: path=direct|relay, connect (time), frames and intact (percent), such as path=relay,connect<3s,frames>=95%,intact=100%."`
	JSON   string `name:"json" placeholder:"FILE" group:"The result:" help:"Write the report as JSON to FILE; - is standard output, which then has nothing else."`
}

// Help implements kong.HelpProvider.
func (*peerCommand) Help() string {
	return "Exit codes: 0 good, 1 an expectation failed, 2 usage, 3 could not join, 4 never connected or nobody came, " +
		"5 connected and no media came, 6 lost during the call, 130 interrupted; of 6, 5 and 1 the first that holds. " +
		"That the other side leaves in order, after media came, is good. " +
		"The bot sends and receives VP8 and PCMU (G.711), which every browser has. It speaks neither Opus nor H.264, " +
		"so it has no call with a program that offers only those."
}

// Run calls, and tells what came of it.
func (p *peerCommand) Run(ctx context.Context, std streams, log *slog.Logger) error {
	cfg, err := p.config()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	cfg.Logger = log
	out, err := openReport(p.JSON, std.stdout)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--json: %w", err)}
	}
	people := std.stdout
	if p.JSON == "-" {
		people = io.Discard
	}
	printer := &callPrinter{w: people, room: cfg.Room}
	cfg.Observe = printer.event
	report, err := peer.Run(ctx, cfg)
	if err != nil {
		return errors.Join(&exitError{exitUsage, err}, out.Close())
	}
	printer.result(report)
	if err := writeReport(out, report); err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	if report.ExitCode == peer.Good {
		return nil
	}
	ended := &exitError{code: int(report.ExitCode)}
	if p.JSON == "-" { // nobody has been told why
		ended.err = errors.New(report.Reason)
	}
	return ended
}

// config makes sense of the flags; the error names all that cannot be.
func (p *peerCommand) config() (peer.Config, error) {
	var wrong faults
	link := p.link(&wrong)
	cfg := peer.Config{
		Server: link.Server, Room: link.Room, Name: peerName, Version: programVersion(),
		ICE: peer.ICEPolicy(p.ICE), TURNProtocol: peer.TURNProtocol(p.TURNProto),
		Duration: p.Duration, ConnectTimeout: p.ConnectTimeout,
	}
	var err error
	cfg.Token, err = p.token()
	wrong.add("--token", err)
	if cfg.Token == "" {
		cfg.Token = link.Token
	}
	cfg.Video = p.video(&wrong)
	switch p.Audio {
	case "tone":
		cfg.Audio = peer.Tone()
	case "none":
	default:
		wrong.addf("--audio", "%q is neither tone nor none", p.Audio)
	}
	if p.Duration <= 0 {
		wrong.addf("--duration", "%v is not longer than nothing", p.Duration)
	}
	if p.ConnectTimeout <= 0 {
		wrong.addf("--connect-timeout", "%v is not longer than nothing", p.ConnectTimeout)
		cfg.ConnectTimeout = 0
	}
	cfg.Expect, err = peer.ParseExpectations(p.Expect)
	wrong.add("--expect", err)
	if p.Insecure {
		cfg.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // that is what the flag says
	}
	if err := cfg.Check(); err != nil && link.Server != "" { // otherwise the arguments have been told of already
		wrong = append(wrong, err)
	}
	return cfg, wrong.err()
}

// link makes sense of the arguments, either of which may be a room's link.
func (p *peerCommand) link(wrong *faults) roomlink.Link {
	link, err := roomlink.Parse(p.URL)
	switch {
	case err != nil && p.Room == "":
		wrong.addf("<url>", "%q is not the link of a room; give the room's name beside the server's address: %w", p.URL, inPlainWords(err))
		return roomlink.Link{}
	case err == nil && p.Room == "" && link.Server == "":
		wrong.addf("<url>", "%q names no server; give its address before the room", p.URL)
		return roomlink.Link{}
	case p.Room == "":
		return link
	case err != nil || link.Server == "":
		link = roomlink.Link{Server: p.URL}
	}
	named, err := roomlink.Parse(p.Room)
	wrong.add("<room>", inPlainWords(err))
	if link.Room != "" && err == nil && link.Room != named.Room {
		wrong.addf("<room>", "the link leads to the room %s, and not to %s", link.Room, named.Room)
	}
	link.Room = cmp.Or(named.Room, p.Room)
	if link.Token == "" {
		link.Token = named.Token
	}
	return link
}

// token returns the token to show, "" when there is none.
func (p *peerCommand) token() (string, error) {
	name, ok := strings.CutPrefix(p.Token, "@")
	if !ok {
		return p.Token, nil
	}
	text, err := readText(safefile.NewSource(name, maxListFile))
	if err != nil {
		return "", err
	}
	token := safefile.Trim(text)
	if token == "" || len(token) > maxJoinToken {
		return "", fmt.Errorf("in %s is no token", name)
	}
	return token, nil
}

// video makes the source of the pattern; nil sends none.
func (p *peerCommand) video(wrong *faults) peer.VideoSource {
	switch p.Video {
	case "none":
		return nil
	case "pattern":
	default:
		wrong.addf("--video", "%q is neither pattern nor none", p.Video)
		return nil
	}
	size, err := pattern.ParseSize(p.Size)
	wrong.add("--size", err)
	if p.FPS < peer.MinFPS || p.FPS > peer.MaxFPS {
		wrong.addf("--fps", "%d is not from %d to %d", p.FPS, peer.MinFPS, peer.MaxFPS)
		return nil
	}
	if err != nil {
		return nil
	}
	source, err := peer.Pattern(size, p.FPS)
	wrong.add("--video", err)
	return source
}

// openReport opens where the report goes, so that a place that cannot be written is
// told before the call and not after it.
func openReport(name string, stdout io.Writer) (io.WriteCloser, error) {
	switch name {
	case "":
		return unclosed{io.Discard}, nil
	case "-":
		return unclosed{stdout}, nil
	default:
		return safefile.Output(name)
	}
}

// unclosed is a writer that others close.
type unclosed struct{ io.Writer }

// Close implements io.Closer.
func (unclosed) Close() error { return nil }

func writeReport(out io.WriteCloser, report *peer.Report) error {
	text, err := report.MarshalIndent()
	if err == nil {
		_, err = out.Write(text)
	}
	return errors.Join(err, out.Close())
}
