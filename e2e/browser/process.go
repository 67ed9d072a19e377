package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// process is a browser's process group and its profile folder. That is also its home
// folder, so that the browser does not use files of the user.
type process struct {
	command *exec.Cmd
	home    string
	kept    bool // the home folder outlives the process
	log     *logTail
	ended   chan struct{}
}

func newHome(ctx context.Context, pattern string, o Options) (home string, err error) {
	if home = o.Profile; home == "" {
		home, err = os.MkdirTemp("", pattern)
	} else if _, err = os.Stat(filepath.Join(home, "cert9.db")); err == nil {
		return home, nil // it was made by an earlier browser
	} else {
		err = os.MkdirAll(home, 0o700)
	}
	if err != nil {
		return "", err
	}
	if o.CA == "" {
		return home, nil
	}
	// Chromium looks for the store below its home, Firefox in its profile.
	for _, store := range []string{filepath.Join(home, ".pki", "nssdb"), home} {
		if err := trust(ctx, store, o.CA); err != nil {
			return "", errors.Join(err, os.RemoveAll(home))
		}
	}
	return home, nil
}

// trust makes a certificate store that trusts the authority for servers.
func trust(ctx context.Context, store, ca string) error {
	if err := os.MkdirAll(store, 0o700); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"-N", "-d", "sql:" + store, "--empty-password"},
		{"-A", "-d", "sql:" + store, "-n", "callbox", "-t", "C,,", "-i", ca},
	} {
		//nolint:gosec // G204: the arguments are the test's own
		if out, err := exec.CommandContext(ctx, "certutil", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("certutil %s: %w: %s", args[0], err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// start starts the command in a process group of its own. process.end, or start if it
// fails, removes the home folder.
func start(command *exec.Cmd, home string, o Options) (*process, error) {
	p := &process{command: command, home: home, kept: o.Profile != "", log: newLogTail(), ended: make(chan struct{})}
	command.Dir = home
	command.Env = append(environment(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "XDG_DATA_HOME="+home)
	command.Stdout, command.Stderr = p.log, p.log
	command.WaitDelay = 2 * time.Second // a child that outlives the browser may hold the log open
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	begin := command.Start
	if o.Start != nil {
		begin = func() error { return o.Start(command) }
	}
	if err := begin(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	go func() {
		defer close(p.ended)
		_ = command.Wait()
	}()
	return p, nil
}

// environment returns the environment of this process, without the variables for a
// display, a session bus or a proxy.
func environment() []string {
	unwanted := regexp.MustCompile(`(?i)^(display|wayland_display|dbus_[a-z_]*|[a-z]+_proxy|home|xdg_[a-z_]*)=`)
	return slices.DeleteFunc(os.Environ(), unwanted.MatchString)
}

// Kill kills the browser, see [Browser].
func (p *process) Kill() error {
	if err := syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// CPU returns how much processor time the browser has used, with all its processes.
func (p *process) CPU() (time.Duration, error) {
	ticks := 0
	err := p.each(func(_ string, stat [][]byte) error {
		for _, field := range stat[11:13] { // in user mode and in the kernel
			n, err := strconv.Atoi(string(field))
			if err != nil {
				return err
			}
			ticks += n
		}
		return nil
	})
	return time.Duration(ticks) * time.Second / 100, err
}

// Memory returns how much resident memory the browser has, with all its processes, in
// bytes. Memory that several processes share is counted once (Pss of
// proc_pid_smaps(5)).
func (p *process) Memory() (int, error) {
	kilobytes := 0
	err := p.each(func(folder string, _ [][]byte) error {
		text, err := os.ReadFile(filepath.Join(folder, "smaps_rollup")) //nolint:gosec // G304: of the kernel
		if err != nil {
			return nil //nolint:nilerr // the process has ended
		}
		_, rest, _ := bytes.Cut(text, []byte("\nPss:"))
		value, _, _ := bytes.Cut(rest, []byte("kB"))
		n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
		kilobytes += n
		return err
	})
	return kilobytes << 10, err
}

// each calls f for each process of the browser, with its folder in /proc and the fields of
// its stat file from the state on (proc_pid_stat(5)).
func (p *process) each(f func(folder string, stat [][]byte) error) error {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	group := strconv.Itoa(p.command.Process.Pid)
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // G304: of the kernel
		if err != nil {
			continue // the process has ended
		}
		// The name of the program, in parentheses, may contain spaces.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) < 13 || string(fields[2]) != group {
			continue
		}
		if err := f(filepath.Dir(file), fields); err != nil {
			return err
		}
	}
	return nil
}

// end waits up to patience for the browser to end by itself, kills what is left of its
// process group, and removes a temporary profile.
func (p *process) end(patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
	}
	// Children that still write would create the profile again.
	if err := syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	<-p.ended
	if p.kept {
		return nil
	}
	var err error
	for range 20 {
		if err = os.RemoveAll(p.home); err == nil {
			return nil
		}
		<-time.After(50 * time.Millisecond)
	}
	return err
}

// logTail keeps the last 64 KiB that a browser writes.
type logTail struct {
	mu      sync.Mutex
	text    []byte
	changed chan struct{}
}

func newLogTail() *logTail { return &logTail{changed: make(chan struct{})} }

func (l *logTail) Write(b []byte) (int, error) {
	const size = 64 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	l.text = l.text[max(0, len(l.text)-size):]
	close(l.changed)
	l.changed = make(chan struct{})
	return len(b), nil
}

func (l *logTail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// find waits until the log matches pattern, and returns the first group.
func (l *logTail) find(ctx context.Context, pattern *regexp.Regexp, ended <-chan struct{}) (string, error) {
	for {
		l.mu.Lock()
		match, changed := pattern.FindSubmatch(l.text), l.changed
		l.mu.Unlock()
		if match != nil {
			return string(match[1]), nil
		}
		select {
		case <-changed:
		case <-ended:
			return "", fmt.Errorf("%w: %s", errClosed, l)
		case <-ctx.Done():
			return "", fmt.Errorf("%w: %s", context.Cause(ctx), l)
		}
	}
}
