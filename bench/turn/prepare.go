package turn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/pion/stun/v3"

	"callbox/bench/process"
)

// prepare finds out which servers can be measured, and adds a note for each that cannot.
func (r *runner) prepare(ctx context.Context) (err error) {
	if r.cert, r.key, err = process.WriteCertificate(r.programs.Dir); err != nil {
		return err
	}
	if r.callbox == "" {
		r.callbox = r.programs.File("callbox")
	}
	for _, k := range kinds() {
		if !r.measures(k.name) {
			continue
		}
		note, ok := r.there(ctx, k)
		if note != "" && !slices.Contains(r.notes, note) {
			r.notes = append(r.notes, note)
		}
		if ok {
			r.kinds = append(r.kinds, k)
		}
	}
	if len(r.kinds) == 0 {
		return fmt.Errorf("nothing to measure: %s", strings.Join(r.notes, " "))
	}
	return nil
}

// there reports whether a server can be started, and returns a note on it.
func (r *runner) there(ctx context.Context, k kind) (note string, ok bool) {
	switch k.label {
	case labelCoturn, labelCoturn2:
		return coturnNote(ctx, debianCoturn(), labelCoturn, "no turnserver in PATH; Debian's package is coturn")
	case labelCurrent:
		return coturnNote(ctx, currentCoturn(), labelCurrent, "COTURN=path names none")
	}
	return "", true
}

// debianCoturn returns the coturn that is installed; "" = none.
func debianCoturn() string {
	path, err := exec.LookPath("turnserver")
	if err != nil {
		return ""
	}
	return path
}

// currentCoturn returns the coturn that the environment names; "" = none.
func currentCoturn() string { return os.Getenv("COTURN") }

func coturnNote(ctx context.Context, path, label, missing string) (note string, ok bool) {
	if path == "" {
		return fmt.Sprintf("Absent: %s (%s).", label, missing), false
	}
	text, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	lines := strings.Fields(string(text))
	if err != nil && len(lines) == 0 {
		return fmt.Sprintf("Absent: %s (%s --version: %v).", label, path, err), false
	}
	return fmt.Sprintf("%s is %s %s, with the buffers it sets itself.", label, path, lines[len(lines)-1]), true
}

// coturn returns a command line for a fair comparison: without logs and unused features,
// and with loopback peers allowed.
func coturn(path func() string, threads string) func(r *runner, w row, port int) []string {
	return func(r *runner, w row, port int) []string {
		line := []string{
			path(), "-n", "--no-cli", "--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1",
			"--use-auth-secret", "--static-auth-secret", secret, "--realm", "callbox",
			"--allow-loopback-peers", "--relay-threads", threads, "--no-dtls", "--no-rfc5780",
			"--no-stdout-log", "--log-file", "/dev/null",
			"--pidfile", r.programs.File("coturn.pid"), "--userdb", r.programs.File("coturn.db"),
		}
		at := fmt.Sprint(port)
		switch w.transport {
		case "tls":
			return append(line, "--tls-listening-port", at, "--cert", r.cert, "--pkey", r.key)
		case "tcp":
			return append(line, "--listening-port", at, "--no-tls")
		}
		return append(line, "--listening-port", at, "--no-tls", "--no-tcp")
	}
}

// freePort returns a port that is free for UDP and TCP.
func freePort(ctx context.Context) (int, error) {
	for range 100 {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		at := listener.Addr().String()
		packets, err := new(net.ListenConfig).ListenPacket(ctx, "udp4", at)
		if err := listener.Close(); err != nil {
			return 0, err
		}
		if err != nil {
			continue
		}
		free, err := netip.ParseAddrPort(at)
		return int(free.Port()), errors.Join(err, packets.Close())
	}
	return 0, errors.New("no port is free")
}

// untilServed waits until a server responds.
func untilServed(ctx context.Context, address, transport string) error {
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		return err
	}
	network := "tcp"
	if transport == "udp" {
		network = "udp"
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if err = answers(ctx, network, address, request.Raw); err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return err
}

// answers reports whether there is a listener, or over UDP a response.
func answers(ctx context.Context, network, address string, request []byte) error {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if network == "tcp" {
		return nil
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1500))
	return err
}
