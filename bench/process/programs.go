package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Processors of the two sides.
const (
	ClientCPU = "0"
	ServerCPU = "1"
)

// Programs is where everything is that a run starts. Remove it after the run.
type Programs struct {
	Dir    string // made for the run, and removed after it
	Pinned bool   // taskset gives servers and clients a processor each
}

// NewPrograms makes the folder, and builds packages of this module into it,
// each under the last element of its path.
func NewPrograms(ctx context.Context, packages ...string) (*Programs, error) {
	dir, err := os.MkdirTemp("", "callbox-bench-")
	if err != nil {
		return nil, err
	}
	_, err = exec.LookPath("taskset")
	p := &Programs{Dir: dir, Pinned: err == nil && runtime.NumCPU() > 1}
	if err := p.Build(ctx, packages...); err != nil {
		return nil, errors.Join(err, p.Remove())
	}
	return p, nil
}

// Remove removes the folder with all that is in it.
func (p *Programs) Remove() error { return os.RemoveAll(p.Dir) }

// File is the path of something in the folder.
func (p *Programs) File(name string) string { return filepath.Join(p.Dir, name) }

// Build makes programs as they are shipped.
func (p *Programs) Build(ctx context.Context, packages ...string) error {
	line := append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", p.Dir + string(filepath.Separator)}, packages...)
	build := exec.CommandContext(ctx, "go", line...) //nolint:gosec // G204: the arguments are this program's own
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	return Run(build)
}

// Run runs a command, and tells what it said when it goes wrong.
func Run(command *exec.Cmd) error {
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
}

// Command prepares a program that runs on one processor, when there are two.
// Its process is the program's own: taskset becomes what it starts.
func (p *Programs) Command(ctx context.Context, cpu string, line ...string) *exec.Cmd {
	if p.Pinned {
		line = append([]string{"taskset", "-c", cpu}, line...)
	}
	return exec.CommandContext(ctx, line[0], line[1:]...) //nolint:gosec // G204: the arguments are this program's own
}
