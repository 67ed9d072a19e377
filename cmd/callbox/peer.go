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
)

// peerName is the display name that the other side sees.
const peerName = "callbox peer"

// peerCommand holds the arguments and flags of callbox peer as given.
type peerCommand struct {
	mediaServerFlags `embed:""`
	keyLogFlag       `embed:""`
	foreverFlag      `embed:""`

	keys io.Writer // for the keys of the call; nil = not wanted

	URL  string `arg:"" name:"url" help:"Address of the server, such as https://example.org, or the link of a room, which names the room and may contain a token."`
	Room string `arg:"" optional:"" name:"room" help:"Room to join: its name or its link."`

	Token string `placeholder:"TOKEN" group:"Connection:" help:"Token for a server that requires one (see callbox token), or @FILE. Default: the token in the room's link."`

	peerMedia `embed:""`

	recordFlags `embed:""`

	ICE       string `name:"ice" default:"all" group:"Connection:" help:"ICE candidates to use: all, host, srflx or relay. host and srflx withhold all other candidates, but do not block connectivity checks from the other side."`
	TURNProto string `name:"turn-proto" placeholder:"PROTOCOL" group:"Connection:" help:"Transport protocol to TURN servers: udp, tcp or tls. Default: any."`
	Insecure  bool   `group:"Connection:" help:"Accept any certificate, both from the server and from its TURN over TLS. It is safer to trust the server's CA: set SSL_CERT_FILE=ca.crt in the environment."`

	impairFlags `embed:""`

	TakeFiles int64 `default:"0" group:"Call:" help:"How many bytes of files to take from the other side, in all; 0 = none. They are checked and not kept; other files are refused."`

	Duration       time.Duration `default:"10s" group:"Call:" help:"How long the call lasts once it is connected; 0 = until the other side hangs up."`
	ConnectTimeout time.Duration `default:"15s" group:"Call:" help:"How long to wait for another peer to come, and then again for the call to connect."`

	resultFlags `embed:"" group:"Result:"`
}

// Help implements kong.HelpProvider.
func (*peerCommand) Help() string {
	return "Exit codes: 0 success, 1 an expectation was not met or the report could not be written, 2 usage error, 3 could not join the room, 4 never connected or nobody came, " +
		"5 connected but no media arrived, 6 connection lost during the call, 130 interrupted; if several of 6, 5 and 1 apply, the first in this order. " +
		"The call is a success, too, if the other side hangs up after media arrived. " +
		"The bot sends VP8, and Opus or PCMU (G.711), and the codecs of files. It receives VP8, and counts frames of VP9, H.264 and AV1."
}

// Run makes a call and prints its result.
func (p *peerCommand) Run(ctx context.Context, std streams, log *slog.Logger) error {
	cfg, err := p.config()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	keys, err := p.openKeys(log)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--keylog: %w", err)}
	}
	if keys != nil {
		defer keys.Close()
		p.keys = keys
	}
	cfg.Logger, cfg.KeyLog = log, p.keys
	out, err := p.open(std.stdout)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	text := std.stdout
	if p.toStdout() {
		text = io.Discard
	}
	printer := &callPrinter{w: text, room: cfg.Room}
	if p.Forever {
		return errors.Join(p.runForever(ctx, out.json, printer, log), out.close())
	}
	cfg.Observe = printer.event
	report, recordErr, err := p.runCall(ctx, cfg, printer, log)
	if err != nil {
		return errors.Join(&exitError{exitUsage, err}, out.close())
	}
	printer.result(report)
	if err := out.write(report); err != nil {
		return err
	}
	if report.ExitCode == peer.Good {
		return recordExit(report, recordErr)
	}
	ended := &exitError{code: int(report.ExitCode)}
	if p.toStdout() { // the reason has not been printed
		ended.err = errors.New(report.Reason)
	}
	return ended
}

// config evaluates the flags; the error joins all faults.
func (p *peerCommand) config() (peer.Config, error) {
	var wrong faults
	link := roomlink.Link{Server: p.URL}
	if !p.isSet() {
		link = p.link(&wrong)
	} else if p.Room != "" {
		wrong.addf("<room>", "a media server has no rooms; leave it out")
	}
	cfg := peer.Config{
		Server: link.Server, Room: link.Room, Name: peerName, Version: programVersion(),
		ICE: peer.ICEPolicy(p.ICE), TURNProtocol: peer.TURNProtocol(p.TURNProto),
		TakeFiles: p.TakeFiles, Duration: p.Duration, ConnectTimeout: p.ConnectTimeout,
	}
	var err error
	cfg.Token, err = readToken(p.Token)
	wrong.add("--token", err)
	if cfg.Token == "" {
		cfg.Token = link.Token
	}
	cfg.Impair = p.impairFlags.config(&wrong)
	cfg.Video, cfg.Audio = p.sources(&wrong)
	cfg.Echo = p.Echo
	if p.TakeFiles < 0 {
		wrong.addf("--take-files", "%d is less than 0", p.TakeFiles)
		cfg.TakeFiles = 0
	}
	p.checkRecord(p.WHIP, &wrong)
	if p.Forever && p.JUnit != "" {
		wrong.addf("--junit", "with --forever there is no end at which it could be written; use --json")
	}
	switch {
	case p.Duration < 0:
		wrong.addf("--duration", "%v is less than 0", p.Duration)
	case p.Duration == 0:
		cfg.Duration = -1
	}
	if p.ConnectTimeout <= 0 {
		wrong.addf("--connect-timeout", "%v is not greater than 0", p.ConnectTimeout)
		cfg.ConnectTimeout = 0
	}
	cfg.Expect, cfg.RunID, cfg.MeasureProcess = p.expectations(&wrong), p.RunID, true
	if p.Insecure {
		cfg.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // that is what the flag says
	}
	if p.isSet() {
		p.apply(&cfg, p.URL, &wrong)
		return cfg, wrong.err()
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

// readToken returns the token that a flag names; "" = none.
func readToken(value string) (string, error) {
	name, ok := strings.CutPrefix(value, "@")
	if !ok {
		return value, nil
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
