package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"callbox/internal/roomlink"
	"callbox/peer"
	"callbox/peer/load"
	"callbox/peer/scenario"
)

// ended is the result of a run of the program.
type ended struct {
	code           int
	stdout, stderr string
}

// callPeer runs callbox peer in the background, in this process. The function that it
// returns waits for the end.
func callPeer(t *testing.T, url string, flags ...string) func() ended {
	t.Helper()
	return callPeerTo(t, &syncBuffer{}, url, flags...)
}

// callPeerTo is callPeer with a standard output that can be read meanwhile.
func callPeerTo(t *testing.T, out *syncBuffer, url string, flags ...string) func() ended {
	t.Helper()
	return runPeer(t, out, append([]string{url, "room"}, flags...)...)
}

// runPeer is callPeerTo with the given arguments.
func runPeer(t *testing.T, out *syncBuffer, args ...string) func() ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	var (
		errOut bytes.Buffer
		code   int
		wg     sync.WaitGroup
	)
	wg.Go(func() {
		code = run(ctx, nil, append([]string{"peer"}, args...), noEnv, strings.NewReader(""), out, &errOut)
	})
	wait := sync.OnceValue(func() ended {
		defer cancel()
		wg.Wait()
		return ended{code, out.String(), errOut.String()}
	})
	t.Cleanup(func() {
		cancel()
		wait()
	})
	return wait
}

func (e ended) check(t *testing.T, code int, texts ...string) {
	t.Helper()
	if e.code != code {
		t.Errorf("exit code %d, want %d\n%s%s", e.code, code, e.stdout, e.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(e.stdout+e.stderr, text) {
			t.Errorf("does not say %q:\n%s%s", text, e.stdout, e.stderr)
		}
	}
}

func TestPeerCallsPeer(t *testing.T) {
	t.Parallel()
	s := start(t, withoutTURN...) // so that the path is direct, however busy the machine is
	file := filepath.Join(t.TempDir(), "report.json")
	const expect = "path=direct,connect<1m,frames>=50%,intact=100%"
	one := callPeer(t, s.ready.HTTP, "--duration", "2s", "--expect", expect, "--json", file, "--connect-timeout", "25s")
	two := callPeer(t, s.ready.HTTP, "--duration", "2s", "--expect", expect, "--json", "-", "--size", "256x128", "--fps", "20")
	one().check(t, exitOK, "In room room.", "Connected with callbox peer", "direct", "intact, byte for byte",
		"1000 Hz", "intact=100%: met", "Success")
	two().check(t, exitOK)

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roles := make(map[peer.Role]bool)
	for _, text := range []string{string(text), two().stdout} {
		var r peer.Report
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if r.Schema != peer.Schema || r.Result != peer.Pass || len(r.Expect) != 4 || r.Path.Type != peer.Direct {
			t.Errorf("report: %s", text)
		}
		roles[*r.Peer.Role] = true
	}
	if len(roles) != 2 {
		t.Errorf("roles: %v", roles)
	}
}

func TestPeerTrustsTheAuthority(t *testing.T) {
	t.Parallel()
	s := start(t)
	secure := []string{"--ice", "relay", "--turn-proto", "tls", "--duration", "2s", "--expect", "path=relay,intact=100%"}
	insecure := callPeer(t, s.ready.HTTPS, append(secure, "--insecure")...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, binary, append([]string{"peer", s.ready.HTTPS, "room"}, secure...)...)
	command.Env = append(os.Environ(), "SSL_CERT_FILE="+filepath.Join(s.data, "cert", "ca.crt"))
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "relayed by a TURN server over tls") {
		t.Errorf("%v\n%s", err, out)
	}
	insecure().check(t, exitOK, "relayed by a TURN server over tls")
	callPeer(t, s.ready.HTTPS)().check(t, int(peer.NotJoined), "certificate is not trusted", "SSL_CERT_FILE", "--insecure")
}

func TestPeerExpectationFails(t *testing.T) {
	t.Parallel()
	s := start(t, withoutTURN...) // so that the path is direct, however busy the machine is
	file := filepath.Join(t.TempDir(), "report.xml")
	one := callPeer(t, s.ready.HTTP, "--duration", "1s", "--junit", file, "--run-id", "17",
		"--expect", "path=relay,connect<1m", "--expect", "path.moves.9.t_ms>0")
	two := callPeer(t, s.ready.HTTP, "--duration", "20s", "--junit", "-")
	one().check(t, exitFailed, "path=relay: NOT met, the value is direct", "connect<1m: met", "path.moves.9.t_ms>0: NOT met, the value is not known")
	two().check(t, exitOK, `<testcase name="call"`)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`tests="4" failures="2"`, "the value is not known", `"run_id": "17"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

// The schema of a report is printed without the arguments that a call needs.
func TestSchemas(t *testing.T) {
	t.Parallel()
	for command, schema := range map[string][]byte{"peer": peer.JSONSchema(), "load": load.JSONSchema(), "run": scenario.JSONSchema()} {
		code, stdout, stderr := runToEnd(t, noEnv, command, "--schema")
		if code != exitOK || stdout != string(schema) || stderr != "" {
			t.Errorf("%s: exit code %d\n%s%s", command, code, stdout, stderr)
		}
	}
}

// A server that requires a token admits only bots that have one.
func TestPeerToken(t *testing.T) {
	t.Parallel()
	s := start(t, "--join-secret", stored)
	code, token, stderr := runToEnd(t, noEnv, "token", "--room", "room", "--data", s.data)
	if code != exitOK {
		t.Fatal(stderr)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	callPeer(t, s.ready.HTTP)().check(t, int(peer.NotJoined), "this server requires a token")
	callPeer(t, s.ready.HTTP, "--token", "rubbish")().check(t, int(peer.NotJoined), "the token is not valid here")
	one := callPeer(t, s.ready.HTTP, "--duration", "1s", "--token", "@"+file)
	two := callPeer(t, s.ready.HTTP, "--duration", "1s", "--token", strings.TrimSpace(token))
	one().check(t, exitOK, "Connected with")
	two().check(t, exitOK)
}

// The bot says what texts and files came, and never what a text says.
func TestPeerTakesFiles(t *testing.T) {
	t.Parallel()
	s := start(t)
	wait := callPeer(t, s.ready.HTTP, "--duration", "1m", "--take-files", "10")
	other, err := peer.Join(t.Context(), peer.Config{Server: s.ready.HTTP, Room: "room", Name: "Ann", Audio: peer.Tone(), Duration: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Say("secret"); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"0123456789", "x"} {
		transfer, err := other.SendFile(peer.File{Name: "a\u202eb", Size: int64(len(f)), Content: strings.NewReader(f)})
		if err != nil {
			t.Fatal(err)
		}
		if err := transfer.Err(); (err == nil) != (len(f) == 10) {
			t.Errorf("%q: %v", f, err)
		}
	}
	other.Hangup()
	other.Wait()
	ended := wait()
	ended.check(t, exitOK, "Ann sent a text of 6 characters.", `File "ab" (10 bytes) arrived intact.`, `File "ab" (1 byte) was refused`,
		"Files    1 received, 10 bytes, all intact, 1 refused")
	if strings.Contains(ended.stdout+ended.stderr, "secret") {
		t.Errorf("the text was printed:\n%s%s", ended.stdout, ended.stderr)
	}
}

func TestPeerUsage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args  []string
		texts []string
	}{
		"no arguments":    {nil, []string{"url"}},
		"no room":         {[]string{"http://127.0.0.1"}, []string{"<url>", "not the link of a room"}},
		"no server":       {[]string{"quiet-river-lamp"}, []string{"<url>", "names no server"}},
		"two rooms":       {[]string{"http://127.0.0.1/r/a", "b"}, []string{"<room>", "leads to room a, not to room b"}},
		"a room no more":  {[]string{"ws://x", "a!b"}, []string{"<room>", "has '!' in it", "http://HOST"}},
		"a damaged link":  {[]string{"http://127.0.0.1/r/100%"}, []string{"<url>", "has a '%'"}},
		"a link too long": {[]string{"http://127.0.0.1/r/" + strings.Repeat("a", 65)}, []string{"<url>", "longer than 64"}},
		"all at once": {
			[]string{
				"ws://x", "room", "--video", "film", "--audio", "horn", "--audio-codec", "mp3", "--fps", "0", "--size", "640x360", "--ice", "best",
				"--turn-proto", "quic", "--loss", "5 of 100", "--delay=-1s", "--jitter", "1m", "--rate", "7", "--duplicate", "200%",
				"--reorder=-1%", "--take-files=-1", "--duration=-1s", "--connect-timeout=-1s", "--expect", "moss>4", "--expect", "frames=1",
			},
			[]string{
				"--loss", "--delay", "--jitter", "--rate", "--duplicate", "--reorder",
				"--video", "--audio", "--audio-codec", "--take-files", "--duration", "--connect-timeout", "--expect", `did you mean "mos"?`, "frames=1", "ICE policy", "TURN protocol", "http://HOST",
			},
		},
		"size and rate":  {[]string{"http://x", "room", "--fps", "99", "--size", "640x360"}, []string{"--fps", "--size", "640x368"}},
		"no such flag":   {[]string{"--server", "http://x", "--room=y"}, []string{"unknown flag --server; the server and the room are arguments", "--room"}},
		"one output":     {[]string{"http://x", "room", "--json", "-", "--junit", "-"}, []string{"--junit: standard output is for --json"}},
		"no such file":   {[]string{"http://x", "room", "--junit", "/nonexistent/report.xml"}, []string{"--junit", "no such file"}},
		"beeps alone":    {[]string{"http://x", "room", "--audio", "beep", "--video", "none"}, []string{"--audio", "frames of the pattern"}},
		"no such token":  {[]string{"http://x", "room", "--token", "@/nowhere/token"}, []string{"--token: open /nowhere/token"}},
		"empty token":    {[]string{"http://x", "room", "--token", "@/dev/null"}, []string{"--token: there is no token in /dev/null"}},
		"no such folder": {[]string{"http://x", "room", "--json", "/nonexistent/report.json"}, []string{"--json", "no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runToEnd(t, noEnv, append([]string{"peer"}, c.args...)...)
			ended{code, "", stderr}.check(t, exitUsage, c.texts...)
			if stdout != "" {
				t.Errorf("standard output: %s", stdout)
			}
		})
	}
}

func TestPeerCannotJoin(t *testing.T) {
	t.Parallel()
	s := start(t)
	said := &syncBuffer{}
	callPeerTo(t, said, s.ready.HTTP, "--duration", "1m")
	callPeer(t, s.ready.HTTP, "--duration", "1m")
	awaitText(t, said, "Connected")
	callPeer(t, s.ready.HTTP)().check(t, int(peer.NotJoined), "seats are taken")
}

func TestPeerNobodyComes(t *testing.T) {
	t.Parallel()
	s := start(t)
	callPeer(t, s.ready.HTTP, "--connect-timeout", "1s")().check(t, int(peer.NotConnected), "Nobody else is here yet", "nobody came")
	quiet := callPeer(t, s.ready.HTTP, "--connect-timeout", "1s", "--json", "-")()
	quiet.check(t, int(peer.NotConnected))
	if !strings.HasPrefix(quiet.stdout, "{") || !strings.Contains(quiet.stderr, "nobody came") {
		t.Errorf("standard output: %s\nstandard error: %s", quiet.stdout, quiet.stderr)
	}
	callPeer(t, startWithoutTURN(t).ready.HTTP, "--ice", "relay")().check(t, int(peer.NotConnected), "offers no TURN server")
}

func startWithoutTURN(t *testing.T) *running {
	t.Helper()
	return start(t, "--turn-udp", "", "--turn-tcp", "", "--turn-tls", "", "--https", "")
}

func TestPeerNoMedia(t *testing.T) {
	t.Parallel()
	s := start(t)
	one := callPeer(t, s.ready.HTTP, "--duration", "500ms")
	two := callPeer(t, s.ready.HTTP, "--duration", "20s", "--video", "none", "--audio", "none")
	one().check(t, int(peer.NoMedia), "neither video nor audio")
	two().check(t, exitOK)
}

// startBinary runs callbox peer as a separate process, and waits until it is connected.
func startBinary(t *testing.T, url string) (command *exec.Cmd, said *syncBuffer) {
	t.Helper()
	said = &syncBuffer{}
	command = exec.CommandContext(t.Context(), binary, "peer", url, "room", "--duration", "1m", "--connect-timeout", "25s")
	command.Stdout, command.Stderr = said, io.Discard
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // killed, or waited for before
	})
	return command, said
}

func awaitText(t *testing.T, said *syncBuffer, text string) {
	t.Helper()
	eventually(t, func() error {
		if !strings.Contains(said.String(), text) {
			return errors.New(said.String())
		}
		return nil
	})
}

// The other process is killed: it cannot send a leave, so the broken path must be noticed.
func TestPeerLost(t *testing.T) {
	t.Parallel()
	s := start(t, "--grace", "1s")
	one := callPeer(t, s.ready.HTTP, "--duration", "1m")
	killed, said := startBinary(t, s.ready.HTTP)
	awaitText(t, said, "Receiving video")
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	one().check(t, int(peer.Lost), "is gone (timeout)", "lost during the call")
}

func TestPeerInterrupted(t *testing.T) {
	t.Parallel()
	s := start(t)
	one := callPeer(t, s.ready.HTTP, "--duration", "1m")
	command, said := startBinary(t, s.ready.HTTP)
	awaitText(t, said, "Receiving video")
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != int(peer.Interrupted) {
		t.Errorf("ended with %v\n%s", err, said)
	}
	one().check(t, exitOK, "callbox peer left") // it was left in order
}

// People usually have the link of a room.
func TestPeerLink(t *testing.T) {
	t.Parallel()
	const server, link = "https://call.example", "https://call.example/r/quiet-river-lamp"
	for _, c := range []struct {
		args []string
		want roomlink.Link
	}{
		{[]string{server, "quiet-river-lamp"}, roomlink.Link{Server: server, Room: "quiet-river-lamp"}},
		{[]string{link}, roomlink.Link{Server: server, Room: "quiet-river-lamp"}},
		{[]string{"<" + link + ">."}, roomlink.Link{Server: server, Room: "quiet-river-lamp"}},
		{[]string{link, "quiet-river-lamp"}, roomlink.Link{Server: server, Room: "quiet-river-lamp"}},
		{[]string{server, link}, roomlink.Link{Server: server, Room: "quiet-river-lamp"}},
		{[]string{link, link + "."}, roomlink.Link{Server: server, Room: "quiet-river-lamp"}},
		{[]string{server + "/call/", "lamp"}, roomlink.Link{Server: server + "/call/", Room: "lamp"}},
		{[]string{server + "/call/r/lamp"}, roomlink.Link{Server: server + "/call", Room: "lamp"}},
		{[]string{link + "#token=a.b-c."}, roomlink.Link{Server: server, Room: "quiet-river-lamp", Token: "a.b-c"}},
		{[]string{link + "#token=a.b-c", "quiet-river-lamp"}, roomlink.Link{Server: server, Room: "quiet-river-lamp", Token: "a.b-c"}},
		{[]string{server, link + "#token=a.b-c"}, roomlink.Link{Server: server, Room: "quiet-river-lamp", Token: "a.b-c"}},
		{[]string{link + "#token=d", "", "e"}, roomlink.Link{Server: server, Room: "quiet-river-lamp", Token: "e"}},
	} {
		command := peerCommand{URL: c.args[0], peerMedia: peerMedia{Video: "none", Audio: "none", AudioCodec: "opus"}, ICE: "all", Duration: 1, ConnectTimeout: 1}
		if len(c.args) > 1 {
			command.Room = c.args[1]
		}
		if len(c.args) > 2 {
			command.Token = c.args[2]
		}
		cfg, err := command.config()
		if got := (roomlink.Link{Server: cfg.Server, Room: cfg.Room, Token: cfg.Token}); err != nil || got != c.want {
			t.Errorf("%q: %+v, %v; want %+v", c.args, got, err, c.want)
		}
	}
}

// Two bots meet with nothing but the link that callbox token prints.
func TestPeersMeetByALink(t *testing.T) {
	t.Parallel()
	s := start(t, "--join-secret", stored)
	code, link, stderr := runToEnd(t, noEnv, "token", "--room", "x%2E", "--url", s.ready.HTTP, "--data", s.data)
	if code != exitOK {
		t.Fatal(stderr)
	}
	link = strings.TrimSpace(link)
	var bots []func() ended
	for range 2 {
		bots = append(bots, runPeer(t, &syncBuffer{}, link, "--duration", "1s", "--connect-timeout", "25s"))
	}
	for _, bot := range bots {
		bot().check(t, exitOK, "In room x..")
	}
}
