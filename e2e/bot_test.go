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

// robot is a headless peer at work in a namespace.
type robot struct {
	process *process
	file    string // where the command's report goes; that of a saboteur goes to standard output
}

// startBot starts `callbox peer`, which trusts the server's authority and no other.
func startBot(t *testing.T, n *netlab.Namespace, s *server, room, transport string, duration time.Duration, flags ...string) *robot {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	args := []string{"peer", s.url, room, "--json", file, "--duration", duration.String(), "--connect-timeout", "20s"}
	if transport != "direct" {
		args = append(args, "--ice", "relay", "--turn-proto", transport)
	}
	p, err := startProcess(n, trusting(s), theBinary(t), append(args, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	return newRobot(t, p, file)
}

func trusting(s *server) []string {
	return []string{"SSL_CERT_FILE=" + s.ca, "SSL_CERT_DIR=/nonexistent"}
}

func newRobot(t *testing.T, p *process, file string) *robot {
	t.Helper()
	t.Cleanup(func() {
		select {
		case <-p.ended:
		default:
			_, _ = p.stop(5 * time.Second)
		}
		if t.Failed() {
			t.Logf("a bot said:\n%s\n%s", tail(p.stdout.String()), tail(p.stderr.String()))
		}
	})
	return &robot{process: p, file: file}
}

// report waits until the bot has ended, and gives what it saw.
func (r *robot) report(t *testing.T) *peer.Report {
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
	if r.file != "" && code != int(report.ExitCode) {
		t.Errorf("the bot ended with exit code %d, its report says %d", code, report.ExitCode)
	}
	return &report
}

// sabotageVariable makes this test program a bot instead, which does what the
// variable says wrong.
const sabotageVariable = "CALLBOX_E2E_SABOTAGE"

// What a saboteur does wrong.
const (
	sabotageNone    = "none"
	sabotageFlipped = "flipped" // one byte of one frame is another
	sabotageFrozen  = "frozen"  // the first frame is sent for ever
	sabotageSilent  = "silent"  // the tone is left out
)

// startSaboteur starts a bot made of package peer with a source that is broken.
func startSaboteur(t *testing.T, n *netlab.Namespace, s *server, room, what string, duration time.Duration) *robot {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(n, append(trusting(s), sabotageVariable+"="+what), self, s.url, room, duration.String(), s.ca)
	if err != nil {
		t.Fatal(err)
	}
	return newRobot(t, p, "")
}

// runSaboteur is the saboteur's process: its report goes to standard output.
func runSaboteur(what string) {
	report, err := sabotage(what, os.Args[1:])
	if err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		panic(err)
	}
}

func sabotage(what string, args []string) (*peer.Report, error) {
	duration, err := time.ParseDuration(args[2])
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(args[3])
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	video, err := peer.Pattern(pattern.Size{Width: 320, Height: 240}, 15)
	if err != nil {
		return nil, err
	}
	sound := peer.Tone()
	switch what {
	case sabotageFlipped:
		video = &flippedVideo{VideoSource: video}
	case sabotageFrozen:
		video = &frozenVideo{VideoSource: video}
	case sabotageSilent:
		sound = peer.Silence()
	case sabotageNone:
	default:
		return nil, fmt.Errorf("no such sabotage: %s", what)
	}
	return peer.Run(context.Background(), peer.Config{
		Server: args[0], Room: args[1], Video: video, Audio: sound, Duration: duration,
		TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	})
}

// flippedVideo changes one bit of one byte of its tenth frame.
type flippedVideo struct {
	peer.VideoSource
	frames int
}

func (v *flippedVideo) Next(ctx context.Context) (peer.VideoFrame, error) {
	frame, err := v.VideoSource.Next(ctx)
	if v.frames++; v.frames == 10 && err == nil {
		frame.Data = slices.Clone(frame.Data)
		frame.Data[len(frame.Data)*3/4] ^= 1
	}
	return frame, err
}

// frozenVideo sends its first frame again and again, at the same pace.
type frozenVideo struct {
	peer.VideoSource
	first []byte
}

func (v *frozenVideo) Next(ctx context.Context) (peer.VideoFrame, error) {
	frame, err := v.VideoSource.Next(ctx)
	if v.first == nil {
		v.first = slices.Clone(frame.Data)
	}
	frame.Data = v.first
	return frame, err
}
