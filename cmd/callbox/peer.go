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

// peerName is the display name that the other side sees.
const peerName = "callbox peer"

// peerCommand holds the arguments and flags of callbox peer as given.
type peerCommand struct {
	URL  string `arg:"" name:"url" help:"Address of the server, such as https://example.org, or the link of a room, which names the room and may contain a token."`
	Room string `arg:"" optional:"" name:"room" help:"Room to join: its name or its link."`

	Token string `placeholder:"TOKEN" group:"Connection:" help:"Token for a server that requires one (see callbox token), or @FILE. Default: the token in the room's link."`

	Video string `default:"pattern" group:"Media:" help:"pattern: a test picture that the other bot can verify, with the frame number and the time as a barcode; none: no video."`
	Audio string `default:"tone" group:"Media:" help:"tone: a sine of 1 kHz; none: no audio."`
	Size  string `default:"320x240" group:"Media:" help:"Width and height of the test picture in pixels, multiples of 16."`
	FPS   int    `name:"fps" default:"15" group:"Media:" help:"Frames per second of the test picture, 1 to 60."`

	ICE       string `name:"ice" default:"all" group:"Connection:" help:"ICE candidates to use: all, host, srflx or relay. host and srflx withhold all other candidates, but do not block connectivity checks from the other side."`
	TURNProto string `name:"turn-proto" placeholder:"PROTOCOL" group:"Connection:" help:"Transport protocol to TURN servers: udp, tcp or tls. Default: any."`
	Insecure  bool   `group:"Connection:" help:"Accept any certificate, both from the server and from its TURN over TLS. It is safer to trust the server's CA: set SSL_CERT_FILE=ca.crt in the environment."`

	TakeFiles int64 `default:"0" group:"Call:" help:"How many bytes of files to take from the other side, in all; 0 = none. They are checked and not kept; other files are refused."`

	Duration       time.Duration `default:"10s" group:"Call:" help:"How long the call lasts once it is connected."`
	ConnectTimeout time.Duration `default:"15s" group:"Call:" help:"How long to wait for another peer to come, and then again for the call to connect."`

	Expect string `placeholder:"LIST" group:"Result:" help:"Expectations, separated by commas; if one is not met, the exit code is 1: path=direct|relay, connect (time), frames and intact (percent). Example: path=relay,connect<3s,frames>=95%,intact=100%."`
	JSON   string `name:"json" placeholder:"FILE" group:"Result:" help:"Write the report as JSON to FILE, or to standard output if FILE is -; then nothing else is written there."`
}

// Help implements kong.HelpProvider.
func (*peerCommand) Help() string {
	return "Exit codes: 0 success, 1 an expectation was not met or the report could not be written, 2 usage error, 3 could not join the room, 4 never connected or nobody came, " +
		"5 connected but no media arrived, 6 connection lost during the call, 130 interrupted; if several of 6, 5 and 1 apply, the first in this order. " +
		"The call is a success, too, if the other side hangs up after media arrived. " +
		"The bot supports VP8 and PCMU (G.711), like every browser. It supports neither Opus nor H.264, " +
		"so it cannot call a program that offers only those."
}

// Run makes a call and prints its result.
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
	text := std.stdout
	if p.JSON == "-" {
		text = io.Discard
	}
	printer := &callPrinter{w: text, room: cfg.Room}
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
	if p.JSON == "-" { // the reason has not been printed
		ended.err = errors.New(report.Reason)
	}
	return ended
}

// config evaluates the flags; the error joins all faults.
func (p *peerCommand) config() (peer.Config, error) {
	var wrong faults
	link := p.link(&wrong)
	cfg := peer.Config{
		Server: link.Server, Room: link.Room, Name: peerName, Version: programVersion(),
		ICE: peer.ICEPolicy(p.ICE), TURNProtocol: peer.TURNProtocol(p.TURNProto),
		TakeFiles: p.TakeFiles, Duration: p.Duration, ConnectTimeout: p.ConnectTimeout,
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
	if p.TakeFiles < 0 {
		wrong.addf("--take-files", "%d is less than 0", p.TakeFiles)
		cfg.TakeFiles = 0
	}
	if p.Duration <= 0 {
		wrong.addf("--duration", "%v is not greater than 0", p.Duration)
	}
	if p.ConnectTimeout <= 0 {
		wrong.addf("--connect-timeout", "%v is not greater than 0", p.ConnectTimeout)
		cfg.ConnectTimeout = 0
	}
	cfg.Expect, err = peer.ParseExpectations(p.Expect)
	wrong.add("--expect", err)
	if p.Insecure {
		cfg.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // that is what the flag says
	}
	if err := cfg.Check(); err != nil && link.Server != "" { // otherwise the faults of the arguments are in wrong already
		wrong = append(wrong, err)
	}
	return cfg, wrong.err()
}

// link evaluates the arguments, either of which may be the link of a room.
func (p *peerCommand) link(wrong *faults) roomlink.Link {
	link, err := roomlink.Parse(p.URL)
	switch {
	case err != nil && p.Room == "":
		wrong.addf("<url>", "%q is not the link of a room; after a server's address, give the name of the room: %w", p.URL, withoutCode(err))
		return roomlink.Link{}
	case err == nil && p.Room == "" && link.Server == "":
		wrong.addf("<url>", "%q names no server; put the server's address before the room", p.URL)
		return roomlink.Link{}
	case p.Room == "":
		return link
	case err != nil || link.Server == "":
		link = roomlink.Link{Server: p.URL}
	}
	named, err := roomlink.Parse(p.Room)
	wrong.add("<room>", withoutCode(err))
	if link.Room != "" && err == nil && link.Room != named.Room {
		wrong.addf("<room>", "the link leads to room %s, not to room %s", link.Room, named.Room)
	}
	link.Room = cmp.Or(named.Room, p.Room)
	if link.Token == "" {
		link.Token = named.Token
	}
	return link
}

// token returns the token to send; "" = none.
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
		return "", fmt.Errorf("there is no token in %s", name)
	}
	return token, nil
}

// video returns the source of the test picture; nil = send no video.
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
		wrong.addf("--fps", "%d is not between %d and %d", p.FPS, peer.MinFPS, peer.MaxFPS)
		return nil
	}
	if err != nil {
		return nil
	}
	source, err := peer.Pattern(size, p.FPS)
	wrong.add("--video", err)
	return source
}

// openReport opens the file for the report, so that an error is reported before the
// call and not after it.
func openReport(name string, stdout io.Writer) (io.WriteCloser, error) {
	switch name {
	case "":
		return nopCloser{io.Discard}, nil
	case "-":
		return nopCloser{stdout}, nil
	default:
		return safefile.Output(name)
	}
}

// nopCloser is a writer whose Close does nothing.
type nopCloser struct{ io.Writer }

// Close implements io.Closer.
func (nopCloser) Close() error { return nil }

func writeReport(out io.WriteCloser, report *peer.Report) error {
	text, err := report.MarshalIndent()
	if err == nil {
		_, err = out.Write(text)
	}
	return errors.Join(err, out.Close())
}
