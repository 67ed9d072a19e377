package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// socket is a bare WebSocket, which sends nothing by itself.
type socket struct{ *websocket.Conn }

func dialSocket(t *testing.T, base string, header http.Header) socket {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(base, "http", "ws", 1)+"/ws", header) //nolint:bodyclose // hijacked
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return socket{conn}
}

// frame has the fields of a frame that tests check.
type frame struct {
	Type    string
	ID      int
	Peer    string
	Name    string
	Resume  string
	Resumed bool
	Grace   float64
	Code    string
	Message string
	Reason  string
	Peers   []struct{ Peer string }
}

// ask sends a frame as text and returns the next one that arrives.
func (s socket) ask(t *testing.T, text string, args ...any) frame {
	t.Helper()
	if err := s.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, text, args...)); err != nil {
		t.Fatal(err)
	}
	return s.next(t)
}

func (s socket) next(t *testing.T) frame {
	t.Helper()
	_, text, err := s.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	var got frame
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return got
}

// wantClosed reads on until the connection is closed with the code.
func (s socket) wantClosed(t *testing.T, code int) {
	t.Helper()
	for {
		_, text, err := s.ReadMessage()
		if err == nil {
			t.Logf("before the end: %s", text)
			continue
		}
		if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != code {
			t.Errorf("ended with %v, want code %d", err, code)
		}
		return
	}
}

// TestServerKilled kills the server with SIGKILL and restarts it: with the same data
// folder, a peer gets its seat back under the same id; with another one, it does not.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	first := startProcess(t, data)
	ann := dialSocket(t, first.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"quiet-river","name":"Ann"}`)
	bo := dialSocket(t, first.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"quiet-river","name":"Bo"}`)
	if ann.Type != "joined" || bo.Type != "joined" || ann.Resume == "" || ann.Grace != 30 {
		t.Fatalf("joined: %+v, %+v", ann, bo)
	}
	if err := first.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := first.end(t); err == nil {
		t.Fatal("killed, and ended well")
	}

	second := startProcess(t, data)
	back := dialSocket(t, second.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"quiet-river","resume":%q,"seq":1}`, ann.Resume)
	if back.Type != "joined" || back.Peer != ann.Peer || back.Resumed || len(back.Peers) != 0 {
		t.Errorf("after the restart: %+v; want the id %s, alone, and nothing resumed", back, ann.Peer)
	}
	back = dialSocket(t, second.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"quiet-river","resume":%q,"seq":0}`, bo.Resume)
	if back.Type != "joined" || back.Peer != bo.Peer || len(back.Peers) != 1 || back.Peers[0].Peer != ann.Peer {
		t.Errorf("the second one after the restart: %+v; want the id %s and %s there", back, bo.Peer, ann.Peer)
	}
	third := startProcess(t, t.TempDir())
	back = dialSocket(t, third.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"quiet-river","resume":%q,"seq":1}`, ann.Resume)
	if back.Type != "error" || back.Code != string(protocol.CodeUnauthorized) {
		t.Errorf("at another server: %+v, want unauthorized", back)
	}
}

// TestSessionSecretsRotate changes the signing secret while peers come back.
func TestSessionSecretsRotate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "session")
	write := func(secrets ...string) {
		if err := os.WriteFile(file, []byte(strings.Join(secrets, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old, fresh := strings.Repeat("old ", 8), strings.Repeat("new ", 8)
	old, fresh = strings.TrimSpace(old)+"!", strings.TrimSpace(fresh)+"!"
	write(old)
	r := start(t, "--session-secret", "@"+file)
	rewrite := func(times int, secrets ...string) {
		write(secrets...)
		eventually(t, func() error {
			if n := strings.Count(r.stderr.String(), "file reloaded"); n != times {
				return fmt.Errorf("reloaded %d times, want %d", n, times)
			}
			return nil
		})
	}
	signedOld := dialSocket(t, r.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"quiet-river"}`)
	resume := func(token string) frame {
		t.Helper()
		return dialSocket(t, r.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"quiet-river","resume":%q,"seq":0}`, token)
	}
	rewrite(1, fresh, old)
	signedFresh := resume(signedOld.Resume)
	if signedFresh.Type != "joined" || signedFresh.Peer != signedOld.Peer || !signedFresh.Resumed {
		t.Fatalf("with both secrets: %+v, want the seat %s back", signedFresh, signedOld.Peer)
	}
	rewrite(2, fresh)
	if got := resume(signedOld.Resume); got.Code != string(protocol.CodeUnauthorized) {
		t.Errorf("a token of a secret that is gone: %+v", got)
	}
	if got := resume(signedFresh.Resume); got.Type != "joined" || got.Peer != signedOld.Peer {
		t.Errorf("a token of the new secret: %+v", got)
	}
}

// TestJoinTokens checks that only peers with a token are admitted.
func TestJoinTokens(t *testing.T) {
	t.Parallel()
	r := start(t, "--join-secret", stored)
	code, token, stderr := runToEnd(t, noEnv, "token", "--room", "quiet-river", "--name", "Ann", "--data", r.data)
	if code != exitOK {
		t.Fatal(stderr)
	}
	token = strings.TrimSpace(token)
	join := func(room, token string) frame {
		t.Helper()
		return dialSocket(t, r.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":%q,"name":"Eve","token":%q}`, room, token)
	}
	if got := join("quiet-river", ""); got.Code != string(protocol.CodeUnauthorized) {
		t.Errorf("without a token: %+v", got)
	}
	if got := join("other-river", token); got.Code != string(protocol.CodeUnauthorized) {
		t.Errorf("in another room: %+v", got)
	}
	joined := join("quiet-river", token)
	if joined.Type != "joined" {
		t.Fatalf("with a token: %+v", joined)
	}
	names := ""
	for _, room := range r.rooms(t) {
		for _, peer := range room.Peers {
			names += peer.Name
		}
	}
	if names != "Ann" {
		t.Errorf("in the room as %q, want the token's name", names)
	}
	if back := dialSocket(t, r.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"quiet-river","resume":%q,"seq":0}`, joined.Resume); !back.Resumed {
		t.Errorf("coming back without the token: %+v", back)
	}
	for _, secret := range []string{token, joined.Resume} {
		if strings.Contains(r.stderr.String(), secret) {
			t.Error("the log holds a token")
		}
	}
}

func (r *running) rooms(t *testing.T) []signaling.RoomInfo {
	t.Helper()
	body := r.get(t, r.ready.Admin+"/rooms").body
	var rooms []signaling.RoomInfo
	if err := json.Unmarshal([]byte(body), &rooms); err != nil {
		t.Fatalf("GET /rooms: %s: %v", body, err)
	}
	return rooms
}

// TestKick lists a room and kicks a peer for good.
func TestKick(t *testing.T) {
	t.Parallel()
	r := start(t)
	if rooms := r.rooms(t); len(rooms) != 0 {
		t.Errorf("rooms of an empty server: %+v", rooms)
	}
	annSocket, boSocket := dialSocket(t, r.ready.HTTP, nil), dialSocket(t, r.ready.HTTP, nil)
	ann := annSocket.ask(t, `{"type":"join","id":1,"room":"quiet-river","name":"Ann"}`)
	bo := boSocket.ask(t, `{"type":"join","id":1,"room":"quiet-river","name":"Bo"}`)
	dialSocket(t, r.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"another"}`)
	if got := annSocket.next(t); got.Type != "other_joined" {
		t.Fatalf("Ann hears %+v", got)
	}
	rooms := r.rooms(t)
	if len(rooms) != 2 || rooms[0].Name != "another" || rooms[1].Name != "quiet-river" || len(rooms[1].Peers) != 2 {
		t.Fatalf("rooms: %+v", rooms)
	}
	if first := rooms[1].Peers[0]; first.Peer != ann.Peer || first.Name != "Ann" || first.State != "connected" || first.Transport != "websocket" || first.Unconfirmed != 1 || time.Since(first.Since) > time.Hour {
		t.Errorf("the first peer: %+v", first)
	}
	kick := func(peer string, header http.Header) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, r.ready.Admin+"/peers/"+peer, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = header
		return r.do(t, request).status
	}
	if got := kick(bo.Peer, http.Header{"Origin": {"https://evil.example"}}); got != http.StatusForbidden {
		t.Errorf("a web page puts a peer out: %d", got)
	}
	if got := kick("nobody", nil); got != http.StatusNotFound {
		t.Errorf("nobody is put out: %d", got)
	}
	if got := kick(bo.Peer, nil); got != http.StatusNoContent {
		t.Errorf("DELETE /peers/%s: %d", bo.Peer, got)
	}
	if got := annSocket.next(t); got.Type != "bye" || got.Peer != bo.Peer || got.Reason != string(protocol.ReasonKicked) {
		t.Errorf("Ann hears %+v", got)
	}
	boSocket.wantClosed(t, protocol.ClosePolicy)
	if got := kick(bo.Peer, nil); got != http.StatusNotFound {
		t.Errorf("put out twice: %d", got)
	}
	if got := dialSocket(t, r.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"quiet-river","resume":%q,"seq":0}`, bo.Resume); got.Code != string(protocol.CodeUnauthorized) {
		t.Errorf("coming back: %+v", got)
	}
	if text := r.get(t, r.ready.Admin+"/metrics").body; !strings.Contains(text, "\ncallbox_signaling_peers_ended_total{reason=\"kicked\"} 1\n") {
		t.Error("the metrics do not count the one that was put out")
	}
}

// TestTrustedProxy checks that clients are told apart only behind a trusted proxy.
func TestTrustedProxy(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]int{"127.0.0.1": http.StatusSwitchingProtocols, "192.0.2.1": http.StatusTooManyRequests} {
		r := start(t, "--limit-connections", "1", "--trusted-proxy", flag)
		dialSocket(t, r.ready.HTTP, http.Header{"X-Forwarded-For": {"198.51.100.1"}})
		for _, second := range []struct {
			client string
			want   int
		}{{"203.0.113.9, 198.51.100.1", http.StatusTooManyRequests}, {"198.51.100.2", want}} {
			conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(r.ready.HTTP, "http", "ws", 1)+"/ws", http.Header{"X-Forwarded-For": {second.client}})
			if err == nil {
				conn.Close()
			} else if !errors.Is(err, websocket.ErrBadHandshake) {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != second.want {
				t.Errorf("--trusted-proxy %s, client %s: %s, want %d", flag, second.client, response.Status, second.want)
			}
		}
	}
}
