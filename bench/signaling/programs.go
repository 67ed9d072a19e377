package signaling

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"callbox/bench/process"
)

// programs is where everything is that a run starts.
type programs struct {
	dir       string // made for the run, and removed after it
	callbox   string
	node      string // folder of the servers for Node
	cert, key string
	pinned    bool // taskset gives servers and clients a processor each
}

func newPrograms(ctx context.Context, o *options) (p *programs, err error) {
	dir, err := os.MkdirTemp("", "callbox-bench-")
	if err != nil {
		return nil, err
	}
	p = &programs{dir: dir, callbox: o.callbox}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.remove())
		}
	}()
	_, err = exec.LookPath("taskset")
	p.pinned = err == nil && runtime.NumCPU() > 1
	if err := p.build(ctx, "callbox/bench/signaling/load", "callbox/bench/signaling/floor"); err != nil {
		return nil, err
	}
	if p.callbox == "" {
		p.callbox = filepath.Join(dir, "callbox")
		if err := p.build(ctx, "callbox/cmd/callbox"); err != nil {
			return nil, err
		}
	}
	if o.tls {
		if p.cert, p.key, err = process.WriteCertificate(dir); err != nil {
			return nil, err
		}
	}
	return p, p.installNode(ctx, o)
}

func (p *programs) remove() error { return os.RemoveAll(p.dir) }

// build makes programs as they are shipped.
func (p *programs) build(ctx context.Context, packages ...string) error {
	//nolint:gosec // G204: the arguments are this program's own
	build := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", p.dir + string(filepath.Separator)}, packages...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	return run(build)
}

// installNode installs what package-lock.json names, once.
func (p *programs) installNode(ctx context.Context, o *options) error {
	if !o.measures("socketio") && !o.measures("ws") {
		return nil
	}
	where, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "callbox/bench/signaling").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	p.node = filepath.Join(strings.TrimSpace(string(where)), "node")
	if _, err := os.Stat(filepath.Join(p.node, "node_modules", ".package-lock.json")); err == nil {
		return nil
	}
	install := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--silent")
	install.Dir = p.node
	return run(install)
}

// run runs a command, and tells what it said when it goes wrong.
func run(command *exec.Cmd) error {
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
}

// Processors of the two sides.
const (
	clientCPU = "0"
	serverCPU = "1"
)

// command prepares a program that runs on one processor, when there are two.
func (p *programs) command(ctx context.Context, cpu string, line ...string) *exec.Cmd {
	if p.pinned {
		line = append([]string{"taskset", "-c", cpu}, line...)
	}
	return exec.CommandContext(ctx, line[0], line[1:]...) //nolint:gosec // G204: the arguments are this program's own
}
