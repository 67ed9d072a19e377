package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"callbox/cert"
	"callbox/signaling/protocol"
)

// process is the built program, running as a separate process.
type process struct {
	running
	cmd  *exec.Cmd
	done chan error // gets what Wait returns
}

// startProcess runs the program with args; without args, callbox serve on free ports.
func startProcess(t *testing.T, data string, args ...string) *process {
	t.Helper()
	if args == nil {
		args = allFree()
	}
	return startCommand(t, data, exec.Command(binary, withData(data, args)...))
}

// startCommand runs a command that executes the program.
func startCommand(t *testing.T, data string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{running: running{data: data, stderr: &syncBuffer{}}, cmd: cmd, done: make(chan error, 1)}
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.ready)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.done                 //nolint:errcheck // looked at by end, where it matters
	})
	if err != nil {
		t.Fatalf("no ready line: %v\n%s", err, p.stderr)
	}
	p.roots = x509.NewCertPool()
	if ca, err := os.ReadFile(filepath.Join(data, "cert", "ca.crt")); err == nil {
		p.roots.AppendCertsFromPEM(ca)
	}
	p.client = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: p.tls()}}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// end waits for the process and returns how it ended.
func (p *process) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.done:
		p.done <- err
		return err
	case <-time.After(patience):
		t.Fatalf("the process goes on\n%s", p.stderr)
		return nil
	}
}

// TestSignals stops the program while clients are active in every way.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := startProcess(t, t.TempDir())
			conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(p.ready.HTTP, "http", "ws", 1)+"/ws", nil) //nolint:bodyclose // hijacked
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			joined := p.join(t, p.ready.HTTPS, "room")
			p.allocate(t, "tcp", strings.TrimPrefix(p.ready.TURN[1], "tcp://"), joined.ICEServers[1])
			p.allocate(t, "udp", strings.TrimPrefix(p.ready.TURN[0], "udp://"), joined.ICEServers[1])
			half, err := net.Dial("tcp", strings.TrimPrefix(p.ready.HTTP, "http://")) // a request that never ends
			if err != nil {
				t.Fatal(err)
			}
			defer half.Close()
			if _, err := half.Write([]byte("GET / HTTP/1.1\r\n")); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if err := p.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := p.end(t); err != nil {
				t.Errorf("%v\n%s", err, p.stderr)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("ended after %v, want at most 10 s", took)
			}
			wantClosing(t, conn)
		})
	}
}

// wantClosing checks what a client received: the notice, and the close code that means
// "reconnect".
func wantClosing(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	notice := ""
	for {
		_, text, err := conn.ReadMessage()
		if err == nil {
			notice += string(text)
			continue
		}
		closed, ok := errors.AsType[*websocket.CloseError](err)
		if !ok || closed.Code != protocol.CloseGoingAway || !strings.Contains(notice, `"closing"`) {
			t.Errorf("the client was told %q and %v, want the closing notice and 1001", notice, err)
		}
		return
	}
}

// TestSecondSignal checks that the second signal ends the process at once.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	p := startProcess(t, t.TempDir())
	// A response that is read slowly delays the shutdown.
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.ready.HTTP, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("POST /api/v1/rooms HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if !strings.Contains(p.stderr.String(), "shutting down") {
			return errors.New("the first signal was not heard")
		}
		return nil
	})
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	err = p.end(t)
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || !strings.Contains(exit.String(), "signal: terminated")) {
		t.Errorf("ended with %v", err)
	}
}

// TestStartTime prints how long a start takes when the certificates exist.
func TestStartTime(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for _, state := range []string{"new data folder", "existing one"} {
		begun := time.Now()
		p := startProcess(t, data)
		t.Logf("ready after %v with a %s", time.Since(begun).Round(time.Millisecond), state)
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := p.end(t); err != nil {
			t.Error(err)
		}
	}
}

// TestCertificateFiles checks that changed certificate files are used without a restart.
func TestCertificateFiles(t *testing.T) {
	t.Parallel()
	certFile, keyFile := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	first := writeCertificate(t, certFile, keyFile, "call.local")
	r := start(t, "--tls-cert", certFile, "--tls-key", keyFile)
	serving := func(endpoint string, roots *x509.CertPool) error {
		_, address, _ := strings.Cut(endpoint, "://")
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "call.local", MinVersion: tls.VersionTLS12})
		if err == nil {
			err = conn.Close()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", endpoint, err)
		}
		return nil
	}
	endpoints := []string{r.ready.HTTPS, r.ready.TURN[2]}
	for _, endpoint := range endpoints {
		if err := serving(endpoint, first); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.get(t, r.ready.HTTP+"/ca.crt"); got.status != http.StatusNotFound {
		t.Errorf("GET /ca.crt: %d, want 404 without a local authority", got.status)
	}
	// The certificate is for a name, so the URL of TURN over TLS contains that name.
	urls := r.join(t, r.ready.HTTP, "room").ICEServers[1].URLs
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.ready.TURN[2], "tls://"))
	if want := "turns:call.local:" + port + "?transport=tcp"; urls[2] != want {
		t.Errorf("TURN URLs %q, want %s among them", urls, want)
	}

	if err := os.WriteFile(keyFile, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		for _, endpoint := range endpoints {
			if err := serving(endpoint, first); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(r.stderr.String(), "the old certificate stays") {
			return errors.New("a broken key was not logged")
		}
		return nil
	})
	second := writeCertificate(t, certFile, keyFile, "call.local")
	for _, endpoint := range endpoints {
		eventually(t, func() error { return serving(endpoint, second) })
	}
}

// writeCertificate writes a new certificate for a name and returns the roots to trust.
func writeCertificate(t *testing.T, certFile, keyFile, name string) *x509.CertPool {
	t.Helper()
	dir := t.TempDir()
	local, err := cert.LoadOrCreateLocal(dir, func() []string { return []string{name} }, nil)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, certFile+".ca", string(local.CAPEM()))
	text, err := os.ReadFile(filepath.Join(dir, "leaf.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{certFile, keyFile} { // each has both
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(local.CAPEM())
	return roots
}

// TestListFiles changes the files of flags while the program runs.
func TestListFiles(t *testing.T) {
	t.Parallel()
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secrets := filepath.Join(t.TempDir(), "secrets")
	write(secrets, "the first secret\n")
	peers := filepath.Join(t.TempDir(), "peers")
	write(peers, "# nobody yet\n")
	r := start(t, "--turn-secret", "@"+secrets, "--turn-allow-peer", "@"+peers, "--turn-deny-peer", "198.51.100.0/24")
	address := strings.TrimPrefix(r.ready.TURN[1], "tcp://")
	old := r.join(t, r.ready.HTTP, "first").ICEServers[1]
	r.allocate(t, "tcp", address, old)

	write(secrets, "short")
	write(peers, "10.0.0.0/8\nnonsense\n")
	eventually(t, func() error {
		for _, want := range []string{"line 1: a secret has 5 bytes", "line 2: "} {
			if !strings.Contains(r.stderr.String(), want) {
				return fmt.Errorf("the log does not say %q", want)
			}
		}
		return nil
	})
	if err := r.tryAllocate(t, address, old); err != nil {
		t.Errorf("the old secret does not hold: %v", err)
	}
	write(secrets, "the second secret\n")
	write(peers, "127.0.0.0/8\n")
	eventually(t, func() error {
		if n := strings.Count(r.stderr.String(), "file reloaded"); n != 2 {
			return fmt.Errorf("%d files read again, want 2", n)
		}
		return nil
	})
	if err := r.tryAllocate(t, address, old); err == nil {
		t.Error("a secret that is gone is accepted")
	}
	if err := r.tryAllocate(t, address, r.join(t, r.ready.HTTP, "second").ICEServers[1]); err != nil {
		t.Errorf("the new secret does not hold: %v", err)
	}
}
