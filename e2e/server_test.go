package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"callbox/e2e/netlab"
)

// server is a running `callbox serve` in the server's namespace.
type server struct {
	process *process
	// url is the server's HTTPS address in the lab; ca is the file with the
	// certificate of the authority that has signed the server's.
	url, ca string
	ready   struct {
		HTTP, HTTPS, Admin string
		TURN               []string
	}
	client *http.Client
	flags  []string
}

// startServer starts a server on free ports. All servers share one data folder, and
// so one certificate authority, which the browsers trust.
func startServer(t *testing.T, flags ...string) *server {
	t.Helper()
	return startServerIn(t, sharedLab(t), shared.dir, flags...)
}

// startServerIn is startServer in another network, with its data in another folder.
func startServerIn(t *testing.T, lab *netlab.Lab, dir string, flags ...string) *server {
	t.Helper()
	data := filepath.Join(dir, "data")
	s := &server{ca: filepath.Join(dir, "ca.crt"), flags: flags}
	s.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: lab.Server.DialContext}}
	args := append([]string{
		"serve", "--http", "127.0.0.1:0", "--https", ":0", "--admin", "127.0.0.1:0", "--stun-udp", ":0", "--data", data, "--log-format", "json",
	}, flags...)
	var err error
	s.process, err = startProcess(lab.Server, []string{"HOME=" + dir}, sharedBinary(t), args...)
	if err != nil {
		t.Fatal(err)
	}
	err = eventually(t, 20*time.Second, func() error {
		line, err := bufio.NewReader(strings.NewReader(s.process.stdout.String())).ReadString('\n')
		if err != nil {
			return fmt.Errorf("no ready line: %w", err)
		}
		return json.Unmarshal([]byte(line), &s.ready)
	})
	if err != nil {
		_, stopErr := s.process.stop(10 * time.Second)
		t.Fatalf("callbox serve: %v, %v\n%s", err, stopErr, tail(s.process.stderr.String()))
	}
	https, err := url.Parse(s.ready.HTTPS)
	if err != nil {
		t.Fatal(err)
	}
	s.url = "https://" + lab.ServerAddr.String()
	if port := https.Port(); port != "443" { // browsers leave out the default port
		s.url += ":" + port
	}
	if slices.Contains(flags, "--tls-cert") { // it serves no authority
		return s
	}
	// As a phone does: over HTTP, because the authority is not trusted yet.
	authority, err := s.get(t.Context(), s.ready.HTTP+"/ca.crt")
	if err == nil {
		err = os.WriteFile(s.ca, []byte(authority), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stop ends the server with SIGTERM; its exit code must be 0.
func (s *server) stop() error {
	s.client.CloseIdleConnections()
	code, err := s.process.stop(15 * time.Second)
	if err == nil && code != 0 {
		err = fmt.Errorf("callbox serve ended with exit code %d:\n%s", code, tail(s.process.stderr.String()))
	}
	return err
}

// sharedServer returns the server that most tests share.
func sharedServer(t *testing.T) *server {
	t.Helper()
	shared.mu.Lock()
	s := shared.server
	shared.mu.Unlock()
	if s != nil {
		return s
	}
	s = startServer(t, "--turn-udp", ":0", "--turn-tcp", ":0", "--turn-tls", ":0", "--limit-joins", "0", "--limit-connections", "0", "--allow-embed", "https://site.example")
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.server = s
	shared.closers = append(shared.closers, s.stop)
	return s
}

// getAdmin gets a path from the admin listener.
func (s *server) getAdmin(ctx context.Context, path string) (string, error) {
	return s.get(ctx, s.ready.Admin+path)
}

func (s *server) get(ctx context.Context, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", address, response.Status))
	}
	return string(body), err
}

// metric returns a metric of the server, summed over its labels.
func (s *server) metric(t *testing.T, name string) float64 {
	t.Helper()
	text, err := s.getAdmin(t.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0.0, false
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			t.Fatalf("metric %s: %v", line, err)
		}
		sum, found = sum+value, true
	}
	if !found {
		t.Fatalf("the server has no metric %s", name)
	}
	return sum
}

// peers returns how many peers are in rooms.
func (s *server) peers(t *testing.T) int {
	t.Helper()
	return int(s.metric(t, "callbox_signaling_peers"))
}

// awaitPeers waits until that many peers are in rooms.
func (s *server) awaitPeers(t *testing.T, want int) {
	t.Helper()
	err := eventually(t, 20*time.Second, func() error {
		if got := s.peers(t); got != want {
			return fmt.Errorf("%d peers are in rooms, want %d", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// namespaceOf returns the namespace of client a or b.
func namespaceOf(lab *netlab.Lab, side string) *netlab.Namespace {
	if side == "a" {
		return lab.A
	}
	return lab.B
}
