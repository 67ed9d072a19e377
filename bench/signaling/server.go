package signaling

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"callbox/bench/process"
)

// kind is a server that is measured.
type kind struct {
	name, label string
	dialect     string
	tls         bool // it supports TLS
	line        func(p *programs, s settings) []string
}

// settings of one start of a server.
type settings struct {
	port   int // 0 = any free one
	tls    bool
	limits bool // callbox has its default limits
}

// kinds returns the servers, in the order of a round.
func kinds() []kind {
	node := func(file string) func(*programs, settings) []string {
		return func(p *programs, s settings) []string {
			line := []string{"node", filepath.Join(p.node, file), strconv.Itoa(s.port)}
			if s.tls {
				line = append(line, p.cert, p.key)
			}
			return line
		}
	}
	floor := func(more ...string) func(*programs, settings) []string {
		return func(p *programs, s settings) []string {
			return append([]string{p.File("floor"), "-port", strconv.Itoa(s.port)}, more...)
		}
	}
	return []kind{
		{name: "callbox", label: "callbox", dialect: "callbox", tls: true, line: callboxLine},
		{name: "socketio", label: "socket.io", dialect: "socketio", tls: true, line: node("socketio.js")},
		{name: "ws", label: "ws", dialect: "ws", tls: true, line: node("ws.js")},
		{name: "floor", label: "floor", dialect: "floor", line: floor()},
		{name: "floor-coalescing", label: "floor, coalescing", dialect: "floor", line: floor("-coalesce")},
	}
}

func serverNames() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// callboxLine returns the command line of a callbox with default settings, except that
// limits on clients are off.
func callboxLine(p *programs, s settings) []string {
	at := fmt.Sprintf("127.0.0.1:%d", s.port)
	plain, secure := at, ""
	if s.tls {
		plain, secure = secure, at
	}
	line := []string{
		p.callbox, "serve", "--data", p.File("data"), "--http", plain, "--https", secure, "--admin", "127.0.0.1:0",
		"--turn-udp", "127.0.0.1:0", "--turn-tcp", "127.0.0.1:0", "--turn-tls", "", "--stun-udp", "127.0.0.1:0", "--turn-total-quota", "16", // leaves the descriptors to signaling
		"--log-level", "warn",
	}
	if s.tls {
		line = append(line, "--tls-cert", p.cert, "--tls-key", p.key)
	}
	if !s.limits {
		line = append(line, "--limit-joins", "0", "--limit-connections", "0", "--limit-frames", "0")
	}
	return line
}

// server is a running server.
type server struct {
	kind    kind
	command *exec.Cmd
	errors  *bytes.Buffer
	url     string
	admin   string // "" = none
}

func (p *programs) start(ctx context.Context, k kind, settings settings) (*server, error) {
	s := &server{kind: k, errors: new(bytes.Buffer), command: p.Command(ctx, process.ServerCPU, k.line(p, settings)...)}
	s.command.Stderr = s.errors
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	var ready struct{ URL, HTTP, HTTPS, Admin string }
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s does not print its address: %w", k.label, err), s.stop())
	}
	s.url, s.admin = cmp.Or(ready.URL, ready.HTTP, ready.HTTPS), ready.Admin
	return s, nil
}

// pid returns the process id of the server itself, because taskset executes the server in
// its own process.
func (s *server) pid() int { return s.command.Process.Pid }

// stop ends the server with SIGTERM.
func (s *server) stop() error { return s.end(syscall.SIGTERM) }

// port returns the port on which the server listens.
func (s *server) port() (int, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Port())
}

func (s *server) end(with syscall.Signal) error {
	if err := s.command.Process.Signal(with); err != nil {
		return err
	}
	err := s.command.Wait()
	if err == nil || slices.Contains([]string{"signal: terminated", "signal: killed"}, err.Error()) {
		return nil
	}
	return fmt.Errorf("%s: %w\n%s", s.kind.label, err, s.errors.String())
}
