package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func makePipe(t *testing.T, name string) string {
	t.Helper()
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func (p *process) hangup(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

func (p *process) logged(t *testing.T, times int, text string) {
	t.Helper()
	eventually(t, func() error {
		if n := strings.Count(p.stderr.String(), text); n < times {
			return fmt.Errorf("the log says %q %d times, want %d:\n%s", text, n, times, p.stderr)
		}
		return nil
	})
}

// TestHangup reloads the files of both servers, valid and invalid ones.
func TestHangup(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"serve", "turn"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			secrets, certFile, keyFile := filepath.Join(dir, "secrets"), filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
			writeFile(t, secrets, "the first secret")
			writeCertificate(t, certFile, keyFile, "call.local")
			args := []string{command, "--turn-secret", "@" + secrets, "--tls-cert", certFile, "--tls-key", keyFile, "--log-file", filepath.Join(dir, "log")}
			args = append(args, "--turn-udp", "127.0.0.1:0", "--turn-tcp", "127.0.0.1:0", "--turn-tls", "127.0.0.1:0", "--admin", "127.0.0.1:0")
			if command == "serve" {
				args = append(args, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--stun-udp", "127.0.0.1:0")
			}
			p := startProcess(t, t.TempDir(), args...)
			logFile := filepath.Join(dir, "log")
			logged := func(text string) {
				t.Helper()
				eventually(t, func() error {
					content, err := os.ReadFile(logFile)
					if err == nil && !strings.Contains(string(content), text) {
						err = fmt.Errorf("the log does not say %q:\n%s", text, content)
					}
					return err
				})
			}
			p.hangup(t)
			logged(`msg="SIGHUP: files reloaded" read="[--tls-cert, --tls-key --turn-secret`)
			// As logrotate does: it renames the file and then sends the signal.
			if err := os.Rename(logFile, logFile+".1"); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(keyFile); err != nil {
				t.Fatal(err)
			}
			makePipe(t, keyFile)
			p.hangup(t)
			logged("some are not usable")
			logged(keyFile + " is a pipe")
			for range 100 {
				p.hangup(t)
			}
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			for range 100 {
				_ = p.cmd.Process.Signal(syscall.SIGHUP) // it may have ended
			}
			if err := p.end(t); err != nil {
				t.Error(err)
			}
			logged(`msg="shut down"`)
		})
	}
}

// TestHangupWhileStarting sends SIGHUP from the first moment at which the program catches
// it.
func TestHangupWhileStarting(t *testing.T) {
	t.Parallel()
	// The start waits for a pipe, so that it cannot be missed.
	pipe := makePipe(t, filepath.Join(t.TempDir(), "secret"))
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, append([]string{"--data", t.TempDir(), "--turn-secret", "@" + pipe}, allFree()...)...)
	stderr := &syncBuffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if !opens(cmd.Process.Pid, pipe) {
			return errors.New("the start has not come to the pipe")
		}
		return nil
	})
	for range 100 {
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(writer, "a secret of a pipe\n"); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	p := &process{running: running{stderr: stderr}, cmd: cmd, done: make(chan error, 1)}
	go func() { p.done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-p.done               //nolint:errcheck // looked at by end
	})
	p.logged(t, 1, "SIGHUP: files reloaded")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.end(t); err != nil {
		t.Errorf("%v\n%s", err, stderr)
	}
}

// opens reports whether a process has a file open.
func opens(pid int, name string) bool {
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, _ := os.ReadDir(folder) // none when it has ended
	for _, entry := range entries {
		if target, err := os.Readlink(filepath.Join(folder, entry.Name())); err == nil && target == name {
			return true
		}
	}
	return false
}

// TestNoFileHangs gives each flag that names a file something that blocks when it is
// opened or read: the start must fail with an error about it.
func TestNoFileHangs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := makePipe(t, filepath.Join(dir, "pipe"))
	link := filepath.Join(dir, "link")
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	held := makePipe(t, filepath.Join(dir, "held"))
	writer, err := os.OpenFile(held, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close() })
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writeCertificate(t, certFile, keyFile, "call.local")
	for _, file := range []string{pipe, link, held, "/dev/zero", dir} {
		for _, args := range [][]string{
			{"serve", "--turn-secret", "@" + file},
			{"serve", "--session-secret", "@" + file},
			{"serve", "--join-secret", "@" + file},
			{"serve", "--trusted-proxy", "@" + file},
			{"serve", "--turn-deny-peer", "@" + file},
			{"serve", "--tls-cert", file, "--tls-key", keyFile},
			{"serve", "--tls-cert", certFile, "--tls-key", file},
			{"turn", "--coturn-config", file},
			{"turn", "--turn-allow-peer", "@" + file},
			{"token", "--room", "r", "--join-secret", "@" + file},
			{"turn-credential", "--turn-secret", "@" + file},
			{"peer", "http://127.0.0.1:1", "r", "--token", "@" + file},
		} {
			t.Run(strings.Join(args[:2], " ")+filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				switch args[0] {
				case "serve":
					args = append([]string{"serve", "--data", t.TempDir()}, append(allFree(), args[1:]...)...)
				case "turn":
					args = append([]string{"turn", "--data", t.TempDir()}, append(allFree()[6:], args[1:]...)...)
				}
				if code, _, stderr := runToEnd(t, noEnv, args...); code != exitUsage || !strings.Contains(stderr, file) {
					t.Errorf("exit code %d: %s", code, stderr)
				}
			})
		}
	}
	for _, file := range []string{pipe, link, held, "/dev/zero", "/dev/null", dir} {
		args := append([]string{"--data", t.TempDir(), "--log-file", file}, allFree()...)
		if code, _, stderr := runToEnd(t, noEnv, args...); code != exitUsage || !strings.Contains(stderr, "--log-file: "+file+" is a") {
			t.Errorf("--log-file %s: exit code %d: %s", file, code, stderr)
		}
	}
	for _, file := range []string{pipe, dir} {
		if code, _, stderr := runToEnd(t, noEnv, "peer", "http://127.0.0.1:1", "r", "--json", file); code != exitUsage || !strings.Contains(stderr, "--json: ") {
			t.Errorf("--json %s: exit code %d: %s", file, code, stderr)
		}
	}
}

// TestStoredFileBecomesPipe replaces all reloaded files while the server runs, and stops
// it.
func TestStoredFileBecomesPipe(t *testing.T) {
	t.Parallel()
	p := startProcess(t, t.TempDir())
	for _, name := range []string{turnSecretFile, sessionSecretFile, "cert/ca.pem", "cert/ca.crt", "cert/leaf.pem"} {
		name = filepath.Join(p.data, name)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		makePipe(t, name)
	}
	p.logged(t, 2, "is a pipe")
	begun := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.end(t); err != nil || time.Since(begun) > 10*time.Second {
		t.Errorf("ended after %v: %v", time.Since(begun), err)
	}
}

// TestPipeAsSecret reads a secret from a pipe of a shell, and keeps it.
func TestPipeAsSecret(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat("s", 32)
	if _, err := io.WriteString(writer, secret); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close() // a pipe
	cmd := exec.Command(binary, "token", "--room", "r", "--join-secret", "@/dev/stdin")
	cmd.Stdin = reader
	out, err := cmd.CombinedOutput()
	_ = reader.Close() // a pipe
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tokens, err := newJoinTokens([][]byte{[]byte(secret)}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.authorize(strings.TrimSpace(string(out)), "r"); err != nil {
		t.Error(err)
	}
}

// TestReloadFaultIsLoggedOnce loads a file that stays invalid several times.
func TestReloadFaultIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var out syncBuffer
	fault := errors.New("broken")
	files := reloader{log: slog.New(slog.NewTextHandler(&out, nil))}
	files.add("--flag", func() (string, error) { return "", fault })
	files.addOnHUP("--other", func() (string, error) { return "new", nil })
	for range 3 {
		files.reloadChanged()
	}
	if n := strings.Count(out.String(), "broken"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, &out)
	}
	files.reloadAll()
	if text := out.String(); strings.Count(text, "--flag: broken") != 1 || !strings.Contains(text, `changed="[--other: new]"`) {
		t.Errorf("SIGHUP: %s", text)
	}
}
