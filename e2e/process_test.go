package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"callbox/e2e/netlab"
)

// process is a program that a test has started in a namespace.
type process struct {
	command        *exec.Cmd
	stdout, stderr buffer
	ended          chan struct{}
}

// startProcess starts the program. environment is added to the test's own.
func startProcess(n *netlab.Namespace, environment []string, path string, args ...string) (*process, error) {
	p := &process{command: exec.Command(path, args...), ended: make(chan struct{})}
	p.command.Env = append(os.Environ(), environment...)
	p.command.Stdout, p.command.Stderr = &p.stdout, &p.stderr
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := n.Start(p.command); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = p.command.Wait()
	}()
	return p, nil
}

// wait returns the exit code. A process that does not end in time is killed, and
// wait returns an error.
func (p *process) wait(limit time.Duration) (int, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.ended:
		return p.command.ProcessState.ExitCode(), nil
	case <-timer.C:
		_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL)
		<-p.ended
		return -1, fmt.Errorf("%s did not end within %v:\n%s", p.command.Path, limit, tail(p.stderr.String()))
	}
}

// stop ends the process with SIGTERM, as a service manager does.
func (p *process) stop(limit time.Duration) (int, error) {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return -1, err
	}
	return p.wait(limit)
}

// buffer is a bytes.Buffer that may be read while a process writes to it.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
