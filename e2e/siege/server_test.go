package siege

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is a running `callbox serve` with little memory and few descriptors.
type server struct {
	command *exec.Cmd
	ended   chan struct{}
	log     string // file of its standard error
	data    string
	admin   string
	ports   struct{ http, https, udp, tcp, tls string }
	client  *http.Client
}

func startServer(t *testing.T, s *scale, flags ...string) *server {
	t.Helper()
	dir := t.TempDir()
	srv := &server{
		ended: make(chan struct{}), log: filepath.Join(dir, "log"), data: filepath.Join(dir, "data"),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	args := []string{
		// The shell sets the limits before the program reads them.
		"-c", `ulimit -n "$1"; ulimit -d "$2"; shift 2; exec "$@"`, "sh", strconv.Itoa(s.files), strconv.Itoa(s.data >> 10),
		filepath.Join(programs, "callbox"), "serve", "--data", srv.data, "--http", ":0", "--https", ":0", "--admin", "127.0.0.1:0",
		"--turn-udp", ":0", "--turn-tcp", ":0", "--turn-tls", ":0", "--stun-udp", ":0", "--public-ip", publicAddr,
	}
	srv.command = exec.Command("/bin/sh", append(append(args, s.flags...), flags...)...)
	srv.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := os.Create(srv.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // the server has a handle of its own
	srv.command.Stderr = log
	stdout, err := srv.command.StdoutPipe()
	if err == nil {
		err = srv.command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	go func() {
		defer close(srv.ended)
		_ = srv.command.Wait()
	}()
	t.Cleanup(func() { srv.stop(t) })
	if err == nil {
		err = srv.parseReady(line)
	}
	if err != nil {
		t.Fatalf("callbox serve: %v\n%s", err, srv.logExcerpt())
	}
	return srv
}

// parseReady sets admin and ports from the ready line.
func (s *server) parseReady(line []byte) error {
	var ready struct {
		HTTP, HTTPS, Admin string
		TURN               []string
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		return err
	}
	s.admin = ready.Admin
	for _, address := range append(ready.TURN, ready.HTTP, ready.HTTPS) {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		*map[string]*string{
			"http": &s.ports.http, "https": &s.ports.https, "udp": &s.ports.udp, "tcp": &s.ports.tcp, "tls": &s.ports.tls,
		}[u.Scheme] = u.Port()
	}
	return nil
}

// stop ends the server with SIGTERM; its exit code must be 0.
func (s *server) stop(t *testing.T) {
	t.Helper()
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		t.Error("the server does not end")
		_ = s.command.Process.Kill()
		<-s.ended
	}
	if code := s.command.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the server ended with exit code %d\n%s", code, s.logExcerpt())
	}
}

// logExcerpt returns the end of the log, or the beginning of a crash in it.
func (s *server) logExcerpt() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	const enough = 1500
	for _, crash := range []string{"fatal error", "panic:", "WARNING: DATA RACE"} {
		if at := bytes.Index(text, []byte(crash)); at >= 0 {
			return string(text[at:min(len(text), at+enough)])
		}
	}
	return string(text[max(0, len(text)-enough):])
}

// dead reports whether the server has ended.
func (s *server) dead() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *server) logBytes() int64 {
	info, err := os.Stat(s.log)
	if err != nil {
		return 0
	}
	return info.Size()
}

// get gets a path from the admin listener, on a new connection.
func (s *server) get(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.admin+path, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", path, response.Status))
	}
	return string(text), err
}

// metrics returns the server's metrics, each summed over its labels.
func (s *server) metrics(ctx context.Context) (map[string]float64, error) {
	text, err := s.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	sums := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, "{")
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err == nil && !strings.HasPrefix(line, "#") {
			sums[name] += value
		}
	}
	return sums, nil
}

// usage is how much the process uses of the resources that are limited.
type usage struct {
	resident, data int // bytes
	files          int
}

// most raises u to other, field by field.
func (u *usage) most(other usage) {
	u.resident, u.data, u.files = max(u.resident, other.resident), max(u.data, other.data), max(u.files, other.files)
}

func (s *server) usage() (usage, error) {
	proc := fmt.Sprintf("/proc/%d/", s.command.Process.Pid)
	files, err := os.ReadDir(proc + "fd")
	if err != nil {
		return usage{}, err
	}
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		return usage{}, err
	}
	return usage{kilobytes(status, "VmRSS:"), kilobytes(status, "VmData:"), len(files)}, nil
}

func kilobytes(status []byte, key string) int {
	_, rest, _ := bytes.Cut(status, []byte("\n"+key))
	value, _, _ := bytes.Cut(rest, []byte("kB"))
	n, _ := strconv.Atoi(string(bytes.TrimSpace(value)))
	return n << 10
}
