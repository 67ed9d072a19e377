package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what should happen at once.
const patience = 30 * time.Second

// binary is the built program, for tests of signals and of start-up.
var binary string

func TestMain(m *testing.M) {
	os.Exit(testMain(m)) //nolint:forbidigo // the only way to end a TestMain
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "callbox-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a folder of the system for temporary files
	binary = filepath.Join(dir, "callbox")
	if out, err := exec.CommandContext(context.Background(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if left := goroutinesLeft(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left:\n%s\n", left)
		return 1
	}
	return code
}

// goroutinesLeft returns the goroutines of this module and its dependencies that still
// run although everything has ended; "" = none.
func goroutinesLeft() string {
	var left []string
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for deadline := time.Now().Add(patience); ; <-ticks.C {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		left = left[:0]
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			switch {
			case strings.Contains(stack, "callbox.testMain"):
			case strings.Contains(stack, "(*Logger).millRun"): // lives as long as the process
			case strings.Contains(stack, "os/signal"):
			default:
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
	}
}

// noEnv is an environment without variables.
func noEnv(string) (string, bool) { return "", false }

// envOf returns an environment with the given variables.
func envOf(variables map[string]string) environment {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

// running is the whole program, in this process.
type running struct {
	ready  ready
	data   string
	stderr *syncBuffer
	client *http.Client // trusts the local authority when there is one
	roots  *x509.CertPool

	stop func() int // ends the program and returns its exit code
}

// allFree are listeners on free ports of loopback.
func allFree() []string {
	return []string{
		"--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--stun-udp", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--turn-udp", "127.0.0.1:0", "--turn-tcp", "127.0.0.1:0", "--turn-tls", "127.0.0.1:0",
	}
}

// start runs callbox with listeners on free ports and the given flags until
// the test ends.
func start(t *testing.T, flags ...string) *running {
	t.Helper()
	return startEnv(t, noEnv, append(allFree(), flags...)...)
}

func startEnv(t *testing.T, env environment, args ...string) *running {
	t.Helper()
	r := &running{data: filepath.Join(t.TempDir(), "data"), stderr: &syncBuffer{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stdout, stdoutEnd := io.Pipe()
	var code int
	var wg sync.WaitGroup
	wg.Go(func() {
		code = run(ctx, nil, withData(r.data, args), env, strings.NewReader(""), stdoutEnd, r.stderr)
		_ = stdoutEnd.Close() // never fails
	})
	r.stop = sync.OnceValue(func() int {
		cancel()
		wg.Wait()
		return code
	})
	t.Cleanup(func() {
		if r.client != nil {
			r.client.CloseIdleConnections()
		}
		if code := r.stop(); code != exitOK {
			t.Errorf("exit code %d\n%s", code, r.stderr)
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("no ready line: %v\n%s", err, r.stderr)
	}
	if err := json.Unmarshal(line, &r.ready); err != nil {
		t.Fatalf("ready line %s: %v", line, err)
	}
	r.roots = x509.NewCertPool()
	if ca, err := os.ReadFile(filepath.Join(r.data, "cert", "ca.crt")); err == nil {
		r.roots.AppendCertsFromPEM(ca)
	}
	r.client = &http.Client{
		Timeout:   patience,
		Transport: &http.Transport{TLSClientConfig: r.tls(), ForceAttemptHTTP2: true},
	}
	return r
}

// withData adds the data folder to the arguments, after the command if there is one.
func withData(data string, args []string) []string {
	at := 0
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		at = 1
	}
	return slices.Insert(slices.Clone(args), at, "--data", data)
}

// writeFile writes a file that only the user can access.
func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tls returns a configuration that trusts only the local authority.
func (r *running) tls() *tls.Config {
	return &tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS12}
}

// answer is a response that has been read and closed.
type answer struct {
	status, proto int
	header        http.Header
	body          string
}

func (r *running) get(t *testing.T, url string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r.do(t, request)
}

func (r *running) do(t *testing.T, request *http.Request) answer {
	t.Helper()
	response, err := r.client.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.ProtoMajor, response.Header, string(body)}
}

// eventually waits until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-ticks.C:
		}
	}
}

// runToEnd runs the program, which is expected to end by itself.
func runToEnd(t *testing.T, env environment, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("the program did not end"))
	defer cancel()
	var out, errOut bytes.Buffer
	code = run(ctx, nil, args, env, strings.NewReader(""), &out, &errOut)
	if ctx.Err() != nil {
		t.Fatal(context.Cause(ctx))
	}
	return code, out.String(), errOut.String()
}

// syncBuffer is a buffer that can be written and read concurrently.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
