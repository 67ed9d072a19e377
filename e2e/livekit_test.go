package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"callbox/peer"
)

// The key of the server, and the room that bots send to.
const (
	livekitKey    = "callbox"
	livekitSecret = "a secret that only this test knows of"
	livekitRoom   = "whip"
)

// livekit is a LiveKit server on the server of the shared network.
type livekit struct {
	t   *testing.T
	url string
}

// TestLiveKit sends video and audio to the WHIP endpoint of LiveKit's own server, and asks the server what it has received.
func TestLiveKit(t *testing.T) {
	if !*endsFull {
		t.Skip("only with -ends.full: it takes the time of a build; the tests of package whip have servers of their own")
	}
	lk, lab := startLiveKit(t), sharedLab(t)
	file := filepath.Join(t.TempDir(), "report.json")
	p, err := startProcess(lab.A, nil, sharedBinary(t), "peer", lk.url+"/whip/v1", "--whip", "--duration", "5s", "--json", file,
		"--token", lk.token(map[string]any{"roomJoin": true, "room": livekitRoom}))
	if err != nil {
		t.Fatal(err)
	}
	b := newBotProcess(t, p, file)
	if err := eventually(t, patience, lk.checkTracks); err != nil {
		t.Error(err)
	}
	r := b.report(t)
	if r.ExitCode != peer.Good {
		t.Errorf("exit code %d: %s", r.ExitCode, r.Reason)
	}
	for _, m := range r.Media {
		if m.Dir == "send" && (!m.Flowing || m.Lost == nil || *m.Lost != 0) {
			t.Errorf("LiveKit says of the %s that it receives: %+v", m.Kind, m)
		}
	}
}

func startLiveKit(t *testing.T) *livekit {
	t.Helper()
	lab := sharedLab(t)
	binary := filepath.Join(t.TempDir(), "livekit-server")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "livekit", "-o", binary, "github.com/livekit/livekit-server/cmd/server")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	config, err := json.Marshal(map[string]any{ // YAML contains JSON
		"port": 7880, "logging": map[string]string{"level": "warn"}, "keys": map[string]string{livekitKey: livekitSecret},
		// It must not answer from its address in the network of client b, which client a does not reach.
		"rtc": map[string]any{
			"node_ip": lab.ServerAddr.String(), "udp_port": 7882, "tcp_port": 7881, "use_external_ip": false,
			"ips": map[string]any{"includes": []string{netip.PrefixFrom(lab.ServerAddr, 32).String()}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(lab.Server, nil, binary, "--config-body", string(config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := p.stop(10 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("LiveKit: %s\n%s", tail(p.stdout.String()), tail(p.stderr.String()))
		}
	})
	lk := &livekit{t: t, url: "http://" + netip.AddrPortFrom(lab.ServerAddr, 7880).String()}
	if err := eventually(t, patience, lk.isThere); err != nil {
		t.Fatal(err)
	}
	return lk
}

// token signs a token of LiveKit.
func (lk *livekit) token(grants map[string]any) string {
	lk.t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": livekitKey, "sub": "bot", "exp": time.Now().Add(time.Hour).Unix(), "video": grants,
	}).SignedString([]byte(livekitSecret))
	if err != nil {
		lk.t.Fatal(err)
	}
	return token
}

// checkTracks asks the server which tracks it receives.
func (lk *livekit) checkTracks() error {
	var answer struct {
		Participants []struct {
			Tracks []struct {
				MimeType string `json:"mime_type"`
			}
		}
	}
	if err := lk.ask("ListParticipants", &answer); err != nil {
		return err
	}
	var types []string
	for _, p := range answer.Participants {
		for _, track := range p.Tracks {
			types = append(types, track.MimeType)
		}
	}
	slices.Sort(types)
	if want := []string{"audio/opus", "video/VP8"}; !slices.Equal(types, want) {
		return fmt.Errorf("LiveKit receives %q, want %q", types, want)
	}
	return nil
}

// ask calls a method of the API about the room.
func (lk *livekit) ask(method string, answer any) error {
	body, err := json.Marshal(map[string]string{"room": livekitRoom})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(lk.t.Context(), http.MethodPost, lk.url+"/twirp/livekit.RoomService/"+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+lk.token(map[string]any{"roomAdmin": true, "room": livekitRoom}))
	return lk.do(r, answer)
}

// isThere returns nil if the server answers.
func (lk *livekit) isThere() error {
	r, err := http.NewRequestWithContext(lk.t.Context(), http.MethodGet, lk.url, nil)
	if err != nil {
		return err
	}
	return lk.do(r, nil)
}

// do makes a request from client a.
func (lk *livekit) do(r *http.Request, answer any) error {
	transport := &http.Transport{DialContext: sharedLab(lk.t).A.DialContext}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: patience}).Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", r.Method, r.URL.Path, response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
