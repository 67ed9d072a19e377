package signaling

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"callbox/internal/rawio"
	"callbox/signaling/protocol"
)

// opening returns a valid handshake, except for what a test changes.
func opening(changes ...string) string {
	lines := map[string]string{
		"line": "GET /ws HTTP/1.1", "Host": "example.org", "Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "callbox.v1",
	}
	for i := 0; i < len(changes); i += 2 {
		lines[changes[i]] = changes[i+1]
	}
	text := lines["line"] + "\r\n"
	delete(lines, "line")
	for name, value := range lines {
		if value != "" {
			for each := range strings.SplitSeq(value, "|") {
				text += name + ": " + each + "\r\n"
			}
		}
	}
	return text + "\r\n"
}

// TestHandshakes sends each handshake to an http.Server alone and to one behind
// Listener. The responses must be the same.
func TestHandshakes(t *testing.T) {
	t.Run("over HTTP", func(t *testing.T) { shake(t, openServer(t, false)) })
	t.Run("by the listener", func(t *testing.T) {
		server := openServer(t, true)
		shake(t, server)
		if direct := server.direct.Load(); direct < 3 && runtime.GOOS == "linux" {
			t.Errorf("the listener has opened %d by itself", direct)
		}
	})
}

func shake(t *testing.T, server *webSocketServer) {
	t.Helper()
	for _, tc := range []struct {
		changes []string
		status  int
		code    string
	}{
		{nil, 101, ""},
		{[]string{"Sec-WebSocket-Protocol", ""}, 101, ""},
		{[]string{"Sec-WebSocket-Protocol", "other, callbox.v1"}, 101, ""},
		{[]string{"Sec-WebSocket-Protocol", "other|callbox.v1"}, 101, ""},
		{[]string{"Sec-WebSocket-Protocol", "other"}, 400, "bad_subprotocol"},
		{[]string{"Sec-WebSocket-Protocol", "Callbox.v1"}, 400, "bad_subprotocol"},
		{[]string{"Connection", "keep-alive, UPGRADE"}, 101, ""},
		{[]string{"Connection", "keep-alive|upgrade"}, 101, ""},
		{[]string{"Connection", "upgrades"}, 400, "bad_handshake"},
		{[]string{"Connection", ""}, 400, "bad_handshake"},
		{[]string{"Upgrade", "h2c,\tWebSocket"}, 101, ""},
		{[]string{"Upgrade", "web socket"}, 400, "bad_handshake"},
		{[]string{"Upgrade", ""}, 400, "bad_handshake"},
		{[]string{"Sec-WebSocket-Version", "13, 8"}, 101, ""},
		{[]string{"Sec-WebSocket-Version", "8"}, 400, "bad_handshake"},
		{[]string{"Sec-WebSocket-Version", ""}, 400, "bad_handshake"},
		{[]string{"Sec-WebSocket-Key", ""}, 400, "bad_handshake"},
		{[]string{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"}, 400, "bad_handshake"},
		{[]string{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=!"}, 400, "bad_handshake"},
		{[]string{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTEy"}, 400, "bad_handshake"},
		{[]string{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==|dGhlIHNhbXBsZSBub25jZQ=="}, 400, "bad_handshake"},
		{[]string{"line", "POST /ws HTTP/1.1"}, 405, "bad_handshake"},
		{[]string{"line", "GET /ws HTTP/1.0"}, 400, "bad_handshake"},
		{[]string{"Content-Length", "5"}, 400, "bad_handshake"},
		{[]string{"Transfer-Encoding", "chunked"}, 400, "bad_handshake"},
		{[]string{"Origin", "https://evil.example"}, 403, "forbidden_origin"},
		{[]string{"Origin", "https://example.org"}, 101, ""},
	} {
		conn := server.connect(t)
		_, _ = io.WriteString(conn, opening(tc.changes...)+"5\r\nhello\r\n0\r\n\r\n") // which only some have asked for
		response, err := http.ReadResponse(conn.in, nil)
		if err != nil {
			t.Fatalf("%q: %v", tc.changes, err)
		}
		body, _ := bufio.NewReader(response.Body).ReadString('\n')
		_ = response.Body.Close()
		if response.StatusCode != tc.status || !strings.Contains(body, `"`+tc.code+`"`) && tc.code != "" {
			t.Errorf("%q: %s, %q, want %d %s", tc.changes, response.Status, body, tc.status, tc.code)
		}
		if tc.status != http.StatusSwitchingProtocols {
			continue
		}
		h := response.Header
		subprotocol := protocol.Subprotocol
		if len(tc.changes) == 2 && tc.changes[0] == "Sec-WebSocket-Protocol" && tc.changes[1] == "" {
			subprotocol = ""
		}
		// The accept is that of RFC 6455, section 1.3.
		if h.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || h.Get("Upgrade") != "websocket" ||
			h.Get("Connection") != "Upgrade" || h.Get("Sec-WebSocket-Protocol") != subprotocol {
			t.Errorf("%q: answered with %v", tc.changes, h)
		}
	}
}

// TestFramesBehindTheHandshake sends frames in the same segment as the request,
// more than net/http buffers.
func TestFramesBehindTheHandshake(t *testing.T) {
	t.Run("over HTTP", func(t *testing.T) { shakeAndSpeak(t, openServer(t, false), opening()) })
	t.Run("by the listener", func(t *testing.T) { shakeAndSpeak(t, openServer(t, true), opening()) })
	t.Run("behind the listener", func(t *testing.T) { shakeAndSpeak(t, openServer(t, true), opening("Content-Length", "0")) })
}

func shakeAndSpeak(t *testing.T, server *webSocketServer, request string) {
	t.Helper()
	frames := string(slices.Concat(masked(0x81, `{"type":"join","id":1,"room":"a"}`, 7), masked(0x81, `{"type":"ping","id":2}`+strings.Repeat(" ", 6000), 0x12345678)))
	for _, cut := range []int{len(frames), 0, 1, 9} { // bytes of them that come with it
		conn := server.connect(t)
		conn.open(request + frames[:cut])
		_, _ = io.WriteString(conn, frames[cut:])
		for _, want := range []string{`{"type":"joined","id":1,`, `{"type":"pong","id":2}`} {
			if got, err := conn.read(); err != nil || !strings.HasPrefix(got, want) {
				t.Fatalf("with %d bytes behind the request: %q, %v, want %q", cut, got, err, want)
			}
		}
	}
}

// TestEveryReadSize sends, with the request and later, as much as one read
// takes, a little more or a little less, and then nothing: data that stays
// unread would be answered only when more arrives.
func TestEveryReadSize(t *testing.T) {
	const take = rawio.BufferSize
	frame := string(masked(0x81, `{"type":"ping"}`+strings.Repeat(" ", 400), 7)) // few: nobody reads the answers meanwhile
	for _, listens := range []bool{false, true} {
		server := openServer(t, listens)
		server.frames = rate{}
		for _, size := range []int{take - 1, take, take + 1, 2*take - 1, 2 * take, 2*take + 1} {
			for _, request := range []string{opening(), opening("Content-Length", "0")} {
				conn := server.connect(t)
				conn.open(request + pingsOf(frame, size-len(request)))
				readPongs(t, conn)
				for range 3 {
					_, _ = io.WriteString(conn, pingsOf(frame, size))
					readPongs(t, conn)
				}
			}
		}
	}
}

// pingsOf returns frames of size bytes in all: pings, and a last one that is
// none and gets an error.
func pingsOf(ping string, size int) string {
	text := strings.Repeat(ping, size/len(ping)-1)
	pad := size - len(text) - 8 // the header's
	return text + string(masked(0x81, `{"type":"last"`+strings.Repeat(" ", pad-len(`{"type":"last"}`))+"}", 7))
}

func readPongs(t *testing.T, c *wireClient) {
	t.Helper()
	for {
		switch text, err := c.read(); {
		case err != nil:
			t.Fatal(err)
		case strings.HasPrefix(text, `{"type":"pong"`):
		case strings.HasPrefix(text, `{"type":"error"`):
			return
		default:
			t.Fatalf("got %q", text)
		}
	}
}

// webSocketServer serves a WebSocketHandler.
type webSocketServer struct {
	*Server
	address string
	direct  atomic.Int64 // how many its Listener has opened
}

// openServer serves until the test's end, with a Listener or without.
func openServer(t *testing.T, listens bool) *webSocketServer {
	t.Helper()
	limits := DefaultLimits()
	limits.Connections = 0
	server, err := New(Config{Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	s := &webSocketServer{Server: server}
	mux := http.NewServeMux()
	mux.Handle("/ws", server.WebSocketHandler())
	web := httptest.NewUnstartedServer(mux)
	if listens {
		web.Listener = server.Listener(web.Listener, "/ws", func(r *http.Request) bool {
			if r.Header.Get("X-Panic") != "" {
				panic("at the disco")
			}
			if r.Host == "elsewhere.example" {
				return false
			}
			s.direct.Add(1)
			return true
		})
	}
	web.Start()
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	s.address = web.Listener.Addr().String()
	return s
}

func (s *webSocketServer) connect(t *testing.T) *wireClient {
	t.Helper()
	return connectWire(t, s.address)
}

// FuzzHandshake compares the handshakes that open a WebSocket here and with
// gorilla.
func FuzzHandshake(f *testing.F) {
	f.Add("Upgrade", "websocket", "13", "dGhlIHNhbXBsZSBub25jZQ==", "callbox.v1")
	f.Add("keep-alive, upgrade", "h2c,websocket", "13", "AAAAAAAAAAAAAAAAAAAAAA==", "")
	f.Add("upgrade,", ",websocket", "8,13", "AAAAAAAAAAAAAAAAAAAAAA=", " callbox.v1 ,x")
	f.Fuzz(func(t *testing.T, connection, upgrade, version, key, subprotocol string) {
		header := http.Header{"Connection": {connection}, "Upgrade": {upgrade}, "Sec-Websocket-Version": {version}, "Sec-Websocket-Key": {key}}
		if subprotocol != "" {
			header["Sec-Websocket-Protocol"] = []string{subprotocol}
		}
		r := &http.Request{Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header}
		h, fault := readHandshake(r)
		far := &scriptedConn{Reader: bytes.NewReader(nil)}
		theirs := websocket.Upgrader{Subprotocols: []string{protocol.Subprotocol}}
		conn, err := theirs.Upgrade(far, r, nil)
		if fault != nil {
			return // being stricter than gorilla is no fault
		}
		if key, err := base64.StdEncoding.DecodeString(h.key); err != nil || len(key) != 16 {
			t.Fatalf("%q passes for a key", h.key)
		}
		if err != nil {
			t.Fatalf("%q opens, but not with gorilla: %v", header, err)
		}
		if ours := conn.Subprotocol() != ""; h.subprotocol != ours {
			t.Fatalf("%q: subprotocol %t, gorilla's %t", header, h.subprotocol, ours)
		}
	})
}
