package signaling_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gorilla/websocket"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

func defaultConfig() signaling.Config {
	return signaling.Config{Capacity: 2, Ping: signaling.DefaultPing, Limits: signaling.DefaultLimits()}
}

// goesOn fails the test unless a call can be made on the server.
func (s *testServer) goesOn(t *testing.T) {
	t.Helper()
	a, _ := s.join(t, "Ann", "goes-on")
	b, _ := s.join(t, "Bo", "goes-on")
	if e := receive[protocol.OtherJoined](t, a); e.Name != "Bo" {
		t.Errorf("other_joined = %+v", e)
	}
	if _, err := a.Send(within(t), "", 1); err != nil {
		t.Error(err)
	}
	receive[protocol.MessageEvent](t, b)
	_, _ = a.Close(), b.Close()
}

func TestInvalidFramesGetAnAnswer(t *testing.T) {
	text, err := os.ReadFile("protocol/testdata/invalid.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ About, Text, Code string }
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	server := serve(t, defaultConfig())
	for _, c := range cases {
		t.Run(c.About, func(t *testing.T) {
			ws := server.raw(t)
			ws.send(c.Text)
			if fault := ws.expectError(protocol.Code(c.Code)); fault.Retry {
				t.Errorf("error = %+v says to try again", fault)
			}
			ws.send(`{"type":"ping","id":1}`) // the connection stays
			expect[protocol.Pong](ws)
		})
	}
	server.goesOn(t)
}

func TestMessagesThatAreNoText(t *testing.T) {
	server := serve(t, defaultConfig())
	c := server.raw(t)
	for _, m := range []struct {
		kind int
		data string
	}{
		{websocket.BinaryMessage, `{"type":"ping"}`},
		{websocket.BinaryMessage, "\x00\xff"},
		{websocket.TextMessage, "{\"type\":\"join\",\"room\":\"\xff\"}"},
		{websocket.TextMessage, ""},
	} {
		if err := c.WriteMessage(m.kind, []byte(m.data)); err != nil {
			t.Fatal(err)
		}
		_ = c.expectError(protocol.CodeBadFrame)
	}
	c.send(`{"type":"ping","id":1}`)
	expect[protocol.Pong](c)
	server.goesOn(t)
}

func TestFrameTooLarge(t *testing.T) {
	t.Run("on a socket", func(t *testing.T) { sendTooLarge(t, serve(t, defaultConfig())) })
	// A pipe holds nothing: the client hears why only if the server lets it
	// finish what it has begun to send.
	t.Run("in memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { sendTooLarge(t, serveMemory(t, defaultConfig())) })
	})
}

func sendTooLarge(t *testing.T, server *testServer) {
	t.Helper()
	frame := func(size int) string {
		const rest = `{"type":"message","id":1,"data":""}`
		return strings.Replace(rest, `""`, `"`+strings.Repeat("x", size-len(rest))+`"`, 1)
	}
	c := server.raw(t)
	c.send(frame(64 << 10))
	_ = c.expectError(protocol.CodeNotJoined)
	c.send(frame(64<<10 + 1))
	_ = c.expectError(protocol.CodeTooLarge)
	c.expectClose(protocol.CloseTooLarge)

	c = server.raw(t)
	w, err := c.NextWriter(websocket.TextMessage) // in many fragments
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := w.Write(make([]byte, 8<<10)); err != nil {
			break // the server may have cut in
		}
	}
	_ = w.Close()
	_ = c.expectError(protocol.CodeTooLarge)
	c.expectClose(protocol.CloseTooLarge)
	server.goesOn(t)
}

func TestFragmentsMakeAFrame(t *testing.T) {
	server := serve(t, defaultConfig())
	c := server.rawWith(t, websocket.Dialer{WriteBufferSize: 16})
	w, err := c.NextWriter(websocket.TextMessage)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []byte(`{"type":"join","room":"茶室","id":1}`) {
		if _, err := w.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if joined := expect[protocol.Joined](c); joined.Room != "茶室" {
		t.Errorf("joined = %+v", joined)
	}
}

func TestBrokenWebSocketFrames(t *testing.T) {
	server := serve(t, defaultConfig())
	for name, bytes := range map[string][]byte{
		"not masked":         {0x81, 0x02, '{', '}'},
		"reserved bit":       {0xc1, 0x80, 0, 0, 0, 0},
		"unknown opcode":     {0x83, 0x80, 0, 0, 0, 0},
		"long control frame": {0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0},
		"lone continuation":  {0x80, 0x80, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := server.raw(t)
			if _, err := c.NetConn().Write(bytes); err != nil {
				t.Fatal(err)
			}
			c.expectClose(websocket.CloseProtocolError)
		})
	}
	server.goesOn(t)
}

func TestClientControlFrames(t *testing.T) {
	server := serve(t, defaultConfig())
	c := server.raw(t)
	got := make(chan string, 1)
	c.SetPongHandler(func(text string) error {
		got <- text
		return nil
	})
	for _, m := range []struct {
		kind int
		text string
	}{{websocket.PongMessage, "unasked"}, {websocket.PongMessage, "-1"}, {websocket.PingMessage, "there?"}} {
		if err := c.WriteMessage(m.kind, []byte(m.text)); err != nil {
			t.Fatal(err)
		}
	}
	for len(got) == 0 { // it is heard while frames are read, and may come behind one
		c.send(`{"type":"ping"}`)
		expect[protocol.Pong](c)
	}
	if text := <-got; text != "there?" {
		t.Errorf("pong says %q", text)
	}
	if err := c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4242, "bye")); err != nil {
		t.Fatal(err)
	}
	c.expectClose(4242)
}

func TestRoomAndPeerNames(t *testing.T) {
	server := serve(t, defaultConfig())
	c := server.dial(t, "")
	for _, room := range []string{
		"a", "quiet-river-lamp", "A.b_c-1", "茶室", "комната", "غرفة", "कमरा", "ห้อง", "e\u0301", strings.Repeat("é", 64),
	} {
		if _, err := c.Join(within(t), room); err != nil {
			t.Errorf("room %q: %v", room, err)
			continue
		}
		if err := c.Leave(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	for _, room := range []string{
		"", " ", "a b", "a/b", "a\nb", "<b>", "a@b", "😀", "a\u200bb", strings.Repeat("a", 65), strings.Repeat("茶", 65),
	} {
		if _, err := c.Join(within(t), room); code(err) != protocol.CodeBadRequest {
			t.Errorf("room %q: %v, want bad_request", room, err)
		}
	}
	for name, want := range map[string]protocol.Code{
		"Ann 😀 <b>":               "",
		strings.Repeat("茶", 64):   "",
		strings.Repeat("a", 65):   protocol.CodeBadRequest,
		"two\nlines":              protocol.CodeBadRequest,
		"\u0000":                  protocol.CodeBadRequest,
		"the\u009fother controls": protocol.CodeBadRequest,
	} {
		named := server.dial(t, name)
		if _, err := named.Join(within(t), "names"); code(err) != want || want == "" && err != nil {
			t.Errorf("name %q: %v, want %q", name, err, want)
		}
	}
}

func TestHandshake(t *testing.T) {
	config := defaultConfig()
	config.AllowedOrigins = []string{"https://friend.example", "http://dev.example:3000"}
	server := serve(t, config)
	host := strings.TrimPrefix(server.url, "http://")
	for _, c := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"no origin", nil, 101},
		{"own origin", http.Header{"Origin": {"http://" + host}}, 101},
		{"own origin behind TLS", http.Header{"Origin": {"https://" + host}}, 101},
		{"allowed origin", http.Header{"Origin": {"https://friend.example"}}, 101},
		{"allowed origin, its port said", http.Header{"Origin": {"https://friend.example:443"}}, 101},
		{"allowed origin with port", http.Header{"Origin": {"http://dev.example:3000"}}, 101},
		{"foreign origin", http.Header{"Origin": {"https://foe.example"}}, 403},
		{"allowed host, other scheme", http.Header{"Origin": {"http://friend.example"}}, 403},
		{"allowed host, other port", http.Header{"Origin": {"http://dev.example"}}, 403},
		{"own host, other port", http.Header{"Origin": {"http://127.0.0.1:1"}}, 403},
		{"looks like an allowed one", http.Header{"Origin": {"https://friend.example.foe.example"}}, 403},
		{"null", http.Header{"Origin": {"null"}}, 403},
		{"empty", http.Header{"Origin": {""}}, 403},
		{"our subprotocol", http.Header{"Sec-Websocket-Protocol": {"callbox.v1"}}, 101},
		{"ours among others", http.Header{"Sec-Websocket-Protocol": {"callbox.v2, callbox.v1"}}, 101},
		{"an unknown one alone", http.Header{"Sec-Websocket-Protocol": {"callbox.v2"}}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			ws, response, err := websocket.DefaultDialer.Dial("ws://"+host+"/ws", c.header)
			if response == nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != c.status {
				t.Errorf("status %d, want %d", response.StatusCode, c.status)
			}
			if response.Header.Get("Sec-Websocket-Extensions") != "" {
				t.Error("an extension was agreed on")
			}
			if err == nil {
				if want := strings.Contains(c.name, "our"); want != (ws.Subprotocol() == protocol.Subprotocol) {
					t.Errorf("subprotocol %q", ws.Subprotocol())
				}
				_ = ws.Close()
				return
			}
			var body struct{ Code, Message string }
			if err := json.NewDecoder(response.Body).Decode(&body); err != nil || body.Code == "" || body.Message == "" {
				t.Errorf("body = %+v, %v, want code and message", body, err)
			}
		})
	}
	response, err := http.Get(server.url + "/ws")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("GET without upgrade: status %d, want 400", response.StatusCode)
	}
	server.goesOn(t)
}

func TestConnectionThatIsCutInAFrame(t *testing.T) {
	server := serve(t, defaultConfig())
	ann, _ := server.join(t, "Ann", "a")
	c, joined := server.deadPeer(t, "a")
	receive[protocol.OtherJoined](t, ann)
	if _, err := c.NetConn().Write([]byte{0x81, 0xfe, 0x10}); err != nil {
		t.Fatal(err)
	}
	if err := c.NetConn().(*net.TCPConn).SetLinger(0); err != nil { // a reset, not an orderly end
		t.Fatal(err)
	}
	_ = c.NetConn().Close()
	if e := receive[protocol.Bye](t, ann); e.Peer != joined.Peer || e.Reason != protocol.ReasonTimeout {
		t.Errorf("bye = %+v", e)
	}
	server.goesOn(t)
}
