//go:build unix

package safefile

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const testLimit = 1 << 10

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func makePipe(t *testing.T, name string) string {
	t.Helper()
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestNothingBlocks reads everything that is not a regular file, or is endless.
func TestNothingBlocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // nothing to lose
	pipe := makePipe(t, filepath.Join(dir, "pipe"))
	link := filepath.Join(dir, "link")
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	huge := write(t, filepath.Join(dir, "huge"), "")
	if err := os.Truncate(huge, 1<<40); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		pipe: "no program writes to", link: "no program writes to", loop: "too many levels", dir: "is a folder, not a file",
		filepath.Join(dir, "socket"): "is a socket", "/dev/zero": "is a device", "/dev/random": "is a device", "/dev/tty": "",
		huge: "larger than 1024 bytes", filepath.Join(dir, "none"): "open " + filepath.Join(dir, "none") + ": no such file",
	} {
		text, err := NewSource(name, testLimit).Read()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want an error with %q", name, text, err, want)
		}
	}
}

// TestPipeCountsOnce reads a pipe as a shell creates it.
func TestPipeCountsOnce(t *testing.T) {
	t.Parallel()
	name := makePipe(t, filepath.Join(t.TempDir(), "pipe"))
	writer, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.WriteString("a secret"); err != nil {
		t.Fatal(err)
	}
	source := NewSource(name, testLimit)
	closed := make(chan struct{})
	timer := time.AfterFunc(50*time.Millisecond, func() { writer.Close(); close(closed) }) //nolint:errcheck // a pipe
	defer timer.Stop()
	for range 2 {
		if text, err := source.Read(); err != nil || string(text) != "a secret" {
			t.Errorf("%q, %v; want what was written", text, err)
		}
	}
	<-closed
}

// TestFileBecomesPipe replaces a reloaded file by a pipe.
func TestFileBecomesPipe(t *testing.T) {
	t.Parallel()
	name := write(t, filepath.Join(t.TempDir(), "file"), "text")
	source := NewSource(name, testLimit)
	if _, err := source.Read(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	makePipe(t, name)
	writer, err := os.OpenFile(name, os.O_RDWR, 0) // holds it open, and writes nothing
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close() //nolint:errcheck // a pipe
	if text, err := source.Read(); err == nil || !strings.Contains(err.Error(), "only at startup") {
		t.Errorf("%q, %v; want the pipe refused", text, err)
	}
}

// TestFileSystemDoesNotAnswer simulates a read that never returns.
func TestFileSystemDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := NewSource("/gone/file", testLimit)
		source.pending = make(chan readFile, 1)
		begun := time.Now()
		for range 3 {
			if _, err := source.Read(); err == nil || !strings.Contains(err.Error(), "does not answer") {
				t.Errorf("%v", err)
			}
		}
		if took := time.Since(begun); took > ioTimeout {
			t.Errorf("waited %v for what has been waited for", took)
		}
		source.pending <- readFile{text: []byte("back")}
		if text, err := source.Read(); err != nil || string(text) != "back" {
			t.Errorf("%q, %v; want what came at last", text, err)
		}
	})
}
