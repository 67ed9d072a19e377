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

// stage holds what is costly to start and shared by all tests: the built
// program, the lab, one server in it, and the browsers. Each is made when it is
// first asked for, and TestMain takes all of them down.
type stage struct {
	mu       sync.Mutex
	dir      string
	binary   string
	lab      *netlab.Lab
	server   *server
	browsers map[string]browser.Browser
	closers  []func() error
}

var shared stage

func TestMain(m *testing.M) {
	// A bot that does something wrong is this program, started again.
	if name, ok := os.LookupEnv(sabotageVariable); ok {
		runSaboteur(name)
		return
	}
	dir, err := os.MkdirTemp("", "callbox-e2e-")
	if err != nil {
		panic(err)
	}
	shared = stage{dir: dir, browsers: map[string]browser.Browser{}}
	defer shared.close()
	m.Run()
}

// close takes everything down, the last thing first.
func (s *stage) close() {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	errs = append(errs, os.RemoveAll(s.dir))
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

// theBinary is the program under test, built once.
func theBinary(t *testing.T) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.binary == "" {
		// The go command sees what it built from, and does not take an earlier
		// result of these tests for one of the program as it is now.
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

// theLab is the network.
func theLab(t *testing.T) *netlab.Lab {
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

// eventually tries until condition gives nil, or gives its last error when the
// time is over.
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

// tail is the end of a long text.
func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
