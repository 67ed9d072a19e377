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

// The processors of servers and clients.
const (
	ClientCPU = "0"
	ServerCPU = "1"
)

// Programs is the folder with the programs of a run. The caller must call Remove.
type Programs struct {
	Dir    string
	Pinned bool // taskset gives servers and clients a processor each
}

// NewPrograms makes the folder and builds packages of this module in it. Each program has
// the last element of its package's path as its name.
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

// Remove removes the folder and everything in it.
func (p *Programs) Remove() error { return os.RemoveAll(p.Dir) }

// File returns the path of a file in the folder.
func (p *Programs) File(name string) string { return filepath.Join(p.Dir, name) }

// Build builds programs as for a release.
func (p *Programs) Build(ctx context.Context, packages ...string) error {
	line := append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", p.Dir + string(filepath.Separator)}, packages...)
	build := exec.CommandContext(ctx, "go", line...) //nolint:gosec // G204: the arguments are this program's own
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	return Run(build)
}

// Run runs a command. If it fails, the error contains its output.
func Run(command *exec.Cmd) error {
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
}

// Command returns a command that runs a program on one processor, if there are two. Its
// process id is the program's, because taskset executes the program in its own process.
func (p *Programs) Command(ctx context.Context, cpu string, line ...string) *exec.Cmd {
	if p.Pinned {
		line = append([]string{"taskset", "-c", cpu}, line...)
	}
	return exec.CommandContext(ctx, line[0], line[1:]...) //nolint:gosec // G204: the arguments are this program's own
}
