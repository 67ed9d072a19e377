package turn_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"callbox/e2e/need"
	"callbox/turnserver"
)

// python is Debian's Python, for which Debian packages the libraries.
const python = "/usr/bin/python3"

// agent is an ICE agent of another project, in a process of its own.
type agent struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	lines   *bufio.Scanner
	stderr  bytes.Buffer
}

// agentLine is a line of JSON that an agent writes or reads.
type agentLine struct {
	Ufrag      string   `json:"ufrag,omitempty"`
	Pwd        string   `json:"pwd,omitempty"`
	Candidates []string `json:"candidates,omitempty"`
	Connected  bool     `json:"connected,omitempty"`
	Done       bool     `json:"done,omitempty"`
	Fault      string   `json:"fault,omitempty"`
	Sizes      []int    `json:"sizes,omitempty"`
}

func startAgent(t *testing.T, s *server, library, role, transport string) *agent {
	t.Helper()
	at := map[string]netip.AddrPort{"udp": s.udp, "tcp": s.tcp, "tls": s.tls}[transport]
	username, password := s.Credential(library+"-"+role, time.Minute)
	a := &agent{command: exec.CommandContext(t.Context(), python, filepath.Join("testdata", library+"_peer.py"),
		role, transport, at.Addr().String(), strconv.Itoa(int(at.Port())), username, password)}
	a.command.Env = append(os.Environ(), "SSL_CERT_FILE="+s.authority(t))
	a.command.Stderr = &a.stderr
	stdout, err := a.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if a.stdin, err = a.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := a.command.Start(); err != nil {
		t.Fatal(err)
	}
	a.lines = bufio.NewScanner(stdout)
	t.Cleanup(a.end)
	return a
}

// end closes the agent's standard input, which ends it, and waits for it.
func (a *agent) end() {
	_ = a.stdin.Close()
	late := time.AfterFunc(patience, func() { _ = a.command.Process.Kill() })
	defer late.Stop()
	_ = a.command.Wait()
}

// read returns the next line of the agent.
func (a *agent) read(t *testing.T) agentLine {
	t.Helper()
	var line agentLine
	if !a.lines.Scan() {
		_ = a.command.Wait()
		t.Fatalf("%s ended:\n%s", strings.Join(a.command.Args[1:5], " "), tail(a.stderr.String()))
	}
	if err := json.Unmarshal(a.lines.Bytes(), &line); err != nil {
		t.Fatalf("%s: %v", a.lines.Text(), err)
	}
	return line
}

// write writes a line to the agent.
func (a *agent) write(t *testing.T, line agentLine) {
	t.Helper()
	text, err := json.Marshal(line)
	if err == nil {
		_, err = a.stdin.Write(append(text, '\n'))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// authority returns a file with the server's self-signed certificate.
func (s *server) authority(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.certificate}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// needModule ends the test unless Debian's Python has the modules that the program
// imports.
func needModule(t *testing.T, program, debian string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), python, "-c", program).Run(); err != nil {
		need.Missing(t, debian+" (make deps installs it)")
	}
}

// TestICE connects two ICE agents of other projects, with relay candidates only.
func TestICE(t *testing.T) {
	needModule(t, "import aioice", "python3-aioice")
	needModule(t, "import gi; gi.require_version('Nice', '0.1')", "gir1.2-nice-0.1")
	for _, c := range []struct {
		libraries, transports [2]string // of the controlling side, and of the other
	}{
		{[2]string{"aioice", "aioice"}, [2]string{"udp", "udp"}},
		{[2]string{"aioice", "aioice"}, [2]string{"tcp", "tls"}},
		{[2]string{"libnice", "libnice"}, [2]string{"udp", "udp"}},
		{[2]string{"libnice", "libnice"}, [2]string{"tcp", "udp"}},
		{[2]string{"aioice", "libnice"}, [2]string{"tls", "tcp"}},
		{[2]string{"libnice", "aioice"}, [2]string{"udp", "udp"}},
	} {
		name := c.libraries[0] + " by " + c.transports[0] + " and " + c.libraries[1] + " by " + c.transports[1]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connectAgents(t, c.libraries, c.transports)
		})
	}
}

func connectAgents(t *testing.T, libraries, transports [2]string) {
	t.Helper()
	s := start(t, func(c *turnserver.Config) { c.AllowPeers = nil }) // relayed addresses are allowed all the same
	sides := [2]*agent{
		startAgent(t, s, libraries[0], "controlling", transports[0]),
		startAgent(t, s, libraries[1], "controlled", transports[1]),
	}
	offers := [2]agentLine{sides[0].read(t), sides[1].read(t)}
	for i, side := range sides {
		if len(offers[i].Candidates) == 0 {
			t.Fatalf("%s has no candidate", libraries[i])
		}
		for _, candidate := range offers[i].Candidates {
			if !strings.Contains(candidate, " typ relay") {
				t.Fatalf("%s has the candidate %q, want relays only", libraries[i], candidate)
			}
		}
		side.write(t, offers[1-i])
	}
	for i, side := range sides {
		if line := side.read(t); !line.Connected {
			t.Fatalf("%s wrote %+v", libraries[i], line)
		}
	}
	sizes := []int{1, 2, 3, 4, 5, 8, 100, 101, 102, 103, 1199, 1200, 1201, 1400}
	sides[0].write(t, agentLine{Sizes: sizes})
	for line := sides[0].read(t); !line.Done; line = sides[0].read(t) {
		t.Error(line.Fault)
	}
	if live := s.Allocations(); len(live) != 2 {
		t.Errorf("%d allocations, want one for each side", len(live))
	}
	for _, side := range sides {
		side.end()
	}
	eventually(t, "the agents take their allocations along", func() bool { return s.Snapshot().Active == 0 })
	if got := s.Snapshot(); got.DeniedPeers != 0 || got.AuthFailures != 0 {
		t.Errorf("snapshot %+v", got)
	}
	s.end(t)
}
