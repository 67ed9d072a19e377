package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// program is callbox, built as for a release.
type program struct {
	dir, binary string
}

func newProgram(ctx context.Context) (*program, error) {
	dir, err := os.MkdirTemp("", "callbox-bench-")
	if err != nil {
		return nil, err
	}
	p := &program{dir: dir, binary: filepath.Join(dir, "callbox")}
	//nolint:gosec // G204: the path is this program's own
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", p.binary, "callbox/cmd/callbox")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("go build: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return p, nil
}

// serving is a running `callbox serve`.
type serving struct {
	command *exec.Cmd
	errors  bytes.Buffer
	url     string        // over plain HTTP
	took    time.Duration // from the start of the process to the ready line
}

// serve starts a server without limits on clients, on free ports. All servers share the
// data folder, and so the certificates.
func (p *program) serve(ctx context.Context) (*serving, error) {
	//nolint:gosec // G204: the path is this program's own
	s := &serving{command: exec.CommandContext(ctx, p.binary, "serve", "--data", filepath.Join(p.dir, "data"),
		"--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--turn-udp", "127.0.0.1:0", "--turn-tcp", "127.0.0.1:0", "--turn-tls", "127.0.0.1:0", "--stun-udp", "127.0.0.1:0",
		"--limit-joins", "0", "--limit-connections", "0", "--limit-frames", "0", "--log-level", "warn")}
	s.command.Stderr = &s.errors
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	s.took = time.Since(start)
	var ready struct{ HTTP string }
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("callbox serve: %w", err), s.stop())
	}
	s.url = ready.HTTP
	return s, nil
}

// stop ends the server with SIGTERM; its exit code must be 0.
func (s *serving) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.command.Wait(); err != nil {
		return fmt.Errorf("callbox serve: %w\n%s", err, s.errors.String())
	}
	return nil
}

func binarySize(_ context.Context, p *program, _ effort) ([]figure, error) {
	info, err := os.Stat(p.binary)
	if err != nil {
		return nil, err
	}
	return []figure{{name: "binary", value: fmt.Sprintf("%.1f MB", float64(info.Size())/1e6)}}, nil
}

// startUp measures starts with existing certificates. The first start, which makes them,
// does not count.
func startUp(ctx context.Context, p *program, e effort) ([]figure, error) {
	var series []time.Duration
	for i := range e.starts + 1 {
		s, err := p.serve(ctx)
		if err != nil {
			return nil, err
		}
		if err := s.stop(); err != nil {
			return nil, err
		}
		if i > 0 {
			series = append(series, s.took)
		}
	}
	return []figure{times("start to ready, certificates exist", series, 300*time.Millisecond)}, nil
}
