package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"callbox/e2e/netlab"
	"callbox/peer"
	"callbox/peer/pattern"
)

// botProcess is a headless peer that runs in a namespace.
type botProcess struct {
	process *process
	file    string // where the report is written; empty = to standard output
	current bool   // it is the program under test
}

// startBot starts `callbox peer`, which trusts only the server's certificate
// authority.
func startBot(t *testing.T, n *netlab.Namespace, s *server, room, transport string, duration time.Duration, flags ...string) *botProcess {
	t.Helper()
	b := startBotOf(t, sharedBinary(t), n, s, room, transport, duration, flags...)
	b.current = true
	return b
}

// startBotOf is startBot with another program.
func startBotOf(t *testing.T, binary string, n *netlab.Namespace, s *server, room, transport string, duration time.Duration, flags ...string) *botProcess {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	args := []string{"peer", s.url, room, "--json", file, "--duration", duration.String(), "--connect-timeout", "20s"}
	if transport != "direct" {
		args = append(args, "--ice", "relay", "--turn-proto", transport)
	}
	p, err := startProcess(n, trusting(s), binary, append(args, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	return newBotProcess(t, p, file)
}

func trusting(s *server) []string {
	return []string{"SSL_CERT_FILE=" + s.ca, "SSL_CERT_DIR=/nonexistent"}
}

func newBotProcess(t *testing.T, p *process, file string) *botProcess {
	t.Helper()
	t.Cleanup(func() {
		select {
		case <-p.ended:
		default:
			_, _ = p.stop(5 * time.Second)
		}
		if t.Failed() {
			t.Logf("the output of a bot:\n%s\n%s", tail(p.stdout.String()), tail(p.stderr.String()))
		}
	})
	return &botProcess{process: p, file: file}
}

// report waits until the bot has ended and returns its report.
func (r *botProcess) report(t *testing.T) *peer.Report {
	t.Helper()
	code, err := r.process.wait(60 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(r.process.stdout.String())
	if r.file != "" {
		if text, err = os.ReadFile(r.file); err != nil {
			t.Fatal(err)
		}
	}
	var report peer.Report
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatalf("the bot ended with exit code %d and no report: %v\n%s", code, err, tail(r.process.stderr.String()))
	}
	if r.current {
		checkSchema(t, text)
	}
	if r.file != "" && code != int(report.ExitCode) {
		t.Errorf("the bot ended with exit code %d, its report says %d", code, report.ExitCode)
	}
	return &report
}

// faultVariable makes this test program run as a bot with the fault that it names.
const faultVariable = "CALLBOX_E2E_BOT_FAULT"

// The faults of bots.
const (
	faultNone    = "none"
	faultFlipped = "flipped" // one bit of one frame is flipped
	faultFrozen  = "frozen"  // the first frame is sent again and again
	faultSilent  = "silent"  // it sends silence
)

// startFaultyBot starts a bot of package peer that has the fault.
func startFaultyBot(t *testing.T, n *netlab.Namespace, s *server, room, fault string, duration time.Duration) *botProcess {
	t.Helper()
	return startOwnBot(t, n, s, room, faultVariable+"="+fault, duration)
}

// startOwnBot starts this test program as a bot. The variable says which.
func startOwnBot(t *testing.T, n *netlab.Namespace, s *server, room, variable string, duration time.Duration) *botProcess {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(n, append(trusting(s), variable), self, s.url, room, duration.String(), s.ca)
	if err != nil {
		t.Fatal(err)
	}
	return newBotProcess(t, p, "")
}

// runFaultyBot runs a bot that has the fault, and writes its report to standard
// output.
func runFaultyBot(fault string) {
	report, err := faultyBot(fault, os.Args[1:])
	if err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		panic(err)
	}
}

func faultyBot(fault string, args []string) (*peer.Report, error) {
	cfg, err := botConfig(args)
	if err != nil {
		return nil, err
	}
	switch fault {
	case faultFlipped:
		cfg.Video = &flippedVideo{Source: cfg.Video}
	case faultFrozen:
		cfg.Video = &frozenVideo{Source: cfg.Video}
	case faultSilent:
		cfg.Audio = peer.Silence()
	case faultNone:
	default:
		return nil, fmt.Errorf("no such fault: %s", fault)
	}
	return peer.Run(context.Background(), cfg)
}

// botConfig returns the configuration of a bot without a fault. args are the server, the
// room, the duration and the file of the server's certificate authority.
func botConfig(args []string) (cfg peer.Config, err error) {
	cfg = peer.Config{Server: args[0], Room: args[1], Audio: peer.Tone()}
	if cfg.Duration, err = time.ParseDuration(args[2]); err != nil {
		return cfg, err
	}
	ca, err := os.ReadFile(args[3])
	if err != nil {
		return cfg, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	cfg.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	cfg.Video, err = peer.Pattern(pattern.Size{Width: 320, Height: 240}, 15)
	return cfg, err
}

// flippedVideo flips one bit of its tenth frame.
type flippedVideo struct {
	peer.Source
	frames int
}

func (v *flippedVideo) Next(ctx context.Context, codec peer.Codec) (peer.Sample, error) {
	frame, err := v.Source.Next(ctx, codec)
	if v.frames++; v.frames == 10 && err == nil {
		frame.Data = slices.Clone(frame.Data)
		frame.Data[len(frame.Data)*3/4] ^= 1
	}
	return frame, err
}

// frozenVideo sends its first frame again and again, at the same pace.
type frozenVideo struct {
	peer.Source
	first []byte
}

func (v *frozenVideo) Next(ctx context.Context, codec peer.Codec) (peer.Sample, error) {
	frame, err := v.Source.Next(ctx, codec)
	if v.first == nil {
		v.first = slices.Clone(frame.Data)
	}
	frame.Data = v.first
	return frame, err
}
