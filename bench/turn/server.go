package turn

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"callbox/bench/process"
)

// secret is the shared secret from which the load generator makes credentials.
const secret = "measured-with-this-secret"

// The names of the servers in tables.
const (
	labelCallbox   = "callbox"
	labelWithout   = "callbox, short cut off"
	labelCoturn    = "coturn"
	labelCoturn2   = "coturn, 2 relay threads"
	labelCurrent   = "current coturn"
	labelPlain     = "pion/turn"
	labelForwarder = "forwarder"
	labelOffload   = "forwarder, offload"
)

// kind is a server that is measured.
type kind struct {
	name, label string
	forwards    bool // it is the forwarder, not a TURN server
	shortens    bool // packets between two relays do not cross the kernel
	line        func(r *runner, w row, port int) []string
	silent      bool // it does not print its address, so it gets a port
}

// kinds returns all servers, in the order of a round.
func kinds() []kind {
	return []kind{
		{name: "callbox", label: labelCallbox, shortens: true, line: callbox()},
		{name: "callbox-without", label: labelWithout, line: callbox("--no-short-cut")},
		{name: "coturn", label: labelCoturn, silent: true, line: coturn(debianCoturn, "1")},
		{name: "coturn2", label: labelCoturn2, silent: true, line: coturn(debianCoturn, "2")},
		{name: "current", label: labelCurrent, silent: true, line: coturn(currentCoturn, "1")},
		{name: "plain", label: labelPlain, line: plain},
		{name: "forwarder", label: labelForwarder, forwards: true, line: forwarder()},
		{name: "forwarder-offload", label: labelOffload, forwards: true, line: forwarder("-batch", "32", "-offload")},
	}
}

func serverNames() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// can reports whether a server can be measured in a row.
func (k *kind) can(w row) bool {
	return !k.forwards || w.transport == "udp" && !w.idle && w.name != "indications"
}

// callbox returns the command line of a callbox with default settings, except for the
// limits that one address with many clients would reach.
func callbox(more ...string) func(r *runner, w row, port int) []string {
	return func(r *runner, w row, _ int) []string {
		line := []string{
			r.callbox, "turn", "--data", r.programs.File("data"), "--admin", "127.0.0.1:0",
			"--public-ip", "127.0.0.1", "--turn-secret", secret, "--turn-allow-peer", "127.0.0.0/8", "--log-level", "error",
			"--turn-user-quota", "0", "--turn-address-quota", "0", "--turn-total-quota", "0", "--turn-max-bps", "0",
			"--turn-connections", "0", "--turn-answers", "0",
		}
		for _, transport := range []string{"udp", "tcp", "tls"} {
			at := ""
			if transport == w.transport {
				at = "127.0.0.1:0"
			}
			line = append(line, "--turn-"+transport, at)
		}
		if w.transport == "tls" {
			line = append(line, "--tls-cert", r.cert, "--tls-key", r.key)
		}
		return append(line, more...)
	}
}

func plain(r *runner, w row, _ int) []string {
	return []string{r.programs.File("plain"), "-secret", secret, "-network", w.transport, "-cert", r.cert, "-key", r.key}
}

func forwarder(more ...string) func(r *runner, w row, port int) []string {
	return func(r *runner, _ row, _ int) []string {
		return append([]string{r.programs.File("forwarder")}, more...)
	}
}

// server is a running server.
type server struct {
	kind    kind
	command *exec.Cmd
	errors  *bytes.Buffer
	address string
	admin   string // "" = none
}

// with runs measure with a new server.
func (r *runner) with(ctx context.Context, k kind, w row, measure func(s *server) error) (err error) {
	s, err := r.start(ctx, k, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return measure(s)
}

func (r *runner) start(ctx context.Context, k kind, w row) (*server, error) {
	port := 0
	if k.silent {
		var err error
		if port, err = freePort(ctx); err != nil {
			return nil, err
		}
	}
	s := &server{kind: k, errors: new(bytes.Buffer), command: r.programs.Command(ctx, process.ServerCPU, k.line(r, w, port)...)}
	s.command.Stderr = s.errors
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	if k.silent {
		s.address = fmt.Sprintf("127.0.0.1:%d", port)
		err = errors.Join(stdout.Close(), untilServed(ctx, s.address, w.transport))
	} else {
		err = s.listen(bufio.NewReader(stdout))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s does not serve: %w", k.label, err), s.stop())
	}
	return s, nil
}

// listen reads the address from the server's output.
func (s *server) listen(stdout *bufio.Reader) error {
	line, err := stdout.ReadBytes('\n')
	if err != nil {
		return err
	}
	var ready struct {
		Turn  []string
		Admin string
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		return err
	}
	if len(ready.Turn) == 0 {
		return errors.New("its output contains no address")
	}
	_, s.address, _ = strings.Cut(ready.Turn[0], "://")
	s.admin = ready.Admin
	_, err = netip.ParseAddrPort(s.address)
	return err
}

// pid returns the process id of the server itself, because taskset executes the server in
// its own process.
func (s *server) pid() int { return s.command.Process.Pid }

// stop ends the server with SIGTERM.
func (s *server) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := s.command.Wait()
	if err == nil || slices.Contains([]string{"signal: terminated", "signal: killed"}, err.Error()) {
		return nil
	}
	return fmt.Errorf("%s: %w\n%s", s.kind.label, err, s.errors.String())
}
