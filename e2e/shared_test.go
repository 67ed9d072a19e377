package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"callbox/e2e/browser"
	"callbox/e2e/need"
	"callbox/e2e/netlab"
)

// fixtures holds what is costly to start, so that all tests share it: the built
// program, the lab, one server in it, and the browsers. Each is started when it is
// first needed. TestMain closes all of them.
type fixtures struct {
	mu       sync.Mutex
	dir      string
	binary   string
	lab      *netlab.Lab
	server   *server
	browsers map[string]browser.Browser
	closers  []func() error
}

var shared fixtures

func TestMain(m *testing.M) {
	// A faulty bot and a man in the middle are this program, started again.
	if fault, ok := os.LookupEnv(faultVariable); ok {
		runFaultyBot(fault)
		return
	}
	if _, ok := os.LookupEnv(talkingVariable); ok {
		runTalkingBot()
		return
	}
	if _, ok := os.LookupEnv(beepingVariable); ok {
		runBeepingBot()
		return
	}
	if lie, ok := os.LookupEnv(lieVariable); ok {
		runAttacker(lie)
		return
	}
	dir, err := os.MkdirTemp("", "callbox-e2e-")
	if err != nil {
		panic(err)
	}
	shared = fixtures{dir: dir, browsers: map[string]browser.Browser{}}
	defer shared.close()
	m.Run()
}

// close closes everything, in the reverse order of its start.
func (f *fixtures) close() {
	var errs []error
	for i := len(f.closers) - 1; i >= 0; i-- {
		errs = append(errs, f.closers[i]())
	}
	errs = append(errs, os.RemoveAll(f.dir))
	if err := errors.Join(errs...); err != nil {
		panic(err)
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// sharedBinary returns the program under test, which is built once.
func sharedBinary(t *testing.T) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.binary == "" {
		// The go command caches the results of these tests for as long as the files
		// that they have looked at stay the same. So they look at all sources.
		if err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
			if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
				return fs.SkipDir
			}
			if _, statErr := os.Stat(path); statErr != nil {
				return statErr
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(shared.dir, "callbox")
		if out, err := exec.Command("go", "build", "-o", path, "callbox/cmd/callbox").CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		shared.binary = path
	}
	return shared.binary
}

// sharedLab returns the network that the tests share.
func sharedLab(t *testing.T) *netlab.Lab {
	t.Helper()
	need.Root(t)
	need.Program(t, "ip")
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.lab == nil {
		lab, err := netlab.New(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		shared.lab = lab
		shared.closers = append(shared.closers, lab.Close)
	}
	return shared.lab
}

// eventually calls condition until it returns nil. When the time is over, it
// returns the last error.
func eventually(t *testing.T, limit time.Duration, condition func() error) error {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-deadline.C:
			return fmt.Errorf("after %v: %w", limit, err)
		case <-t.Context().Done():
			return context.Cause(t.Context())
		}
	}
}

// tail returns the last 30 lines of a text.
func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
