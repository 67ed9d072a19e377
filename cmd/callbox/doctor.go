package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"callbox/doctor"
	"callbox/internal/roomlink"
)

// doctorCommand holds the arguments and flags of callbox doctor as given.
type doctorCommand struct {
	URL string `arg:"" name:"url" help:"Address of the server, such as https://example.org, or the link of a room, which may contain a token."`

	Token    string `placeholder:"TOKEN" help:"Token for a server that requires one (see callbox token), or @FILE. Default: the token in the room's link. Without it, such a server lets only itself be checked, not the network."`
	Origin   string `placeholder:"ORIGIN" help:"Origin of the page that calls, such as https://site.example. Default: the server's own."`
	Insecure bool   `help:"Accept any certificate, both from the server and from its TURN over TLS. What is wrong with it is reported all the same."`
	JSON     bool   `name:"json" help:"Print the report as JSON."`
}

// Help implements kong.HelpProvider.
func (*doctorCommand) Help() string {
	return "It connects to the server as a page does, asks for the credentials of a check, and sends packets through the relays and back; all of that takes less than ten seconds. " +
		"Each line says what was found, why, and what to do. Exit codes: 0 a call can work, 1 a call could not work, 2 usage error, 130 interrupted."
}

// Run makes the checks and prints the report.
func (c *doctorCommand) Run(ctx context.Context, std streams, log *slog.Logger) error {
	config := doctor.Config{Server: c.URL, Origin: c.Origin, Insecure: c.Insecure, Logger: log}
	if link, err := roomlink.Parse(c.URL); err == nil && link.Server != "" {
		config.Server, config.Token = link.Server, link.Token
	}
	if c.Token != "" {
		token, err := readToken(c.Token)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--token: %w", err)}
		}
		config.Token = token
	}
	report, err := doctor.Run(ctx, config)
	switch {
	case ctx.Err() != nil:
		return &exitError{code: exitInterrupted}
	case err != nil:
		return &exitError{exitUsage, fmt.Errorf("<url>: %w", err)}
	case c.JSON:
		err = printJSON(std.stdout, report)
	default:
		err = printFindings(std.stdout, report)
	}
	if err == nil && report.Result == doctor.Fail {
		err = &exitError{code: exitFailed}
	}
	return err
}

func printJSON(w io.Writer, report *doctor.Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// printFindings prints a line for each finding, and the summary.
func printFindings(w io.Writer, report *doctor.Report) error {
	var text strings.Builder
	for _, f := range report.Findings {
		mark := map[doctor.Level]string{doctor.OK: "ok", doctor.Warn: "warn", doctor.Fail: "FAIL", doctor.Skipped: "-"}[f.Level]
		fmt.Fprintf(&text, "%-4s  %s: %s\n", mark, f.Check.Title(), sentences(f))
	}
	fmt.Fprintf(&text, "\n%s\n", report.Summary)
	_, err := io.WriteString(w, text.String())
	return err
}

// sentences returns what a finding says in one line.
func sentences(f doctor.Finding) string {
	var said []string
	for _, sentence := range []string{f.What, f.Why, f.Do} {
		if sentence != "" {
			said = append(said, sentence)
		}
	}
	return strings.Join(said, " ")
}
