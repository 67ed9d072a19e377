package signaling_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling/protocol"
)

// oddRequest is a handshake as some client library, proxy or hand writes it.
type oddRequest struct {
	name    string
	replace []string // pairs of texts, in oddHandshake
	status  int
	says    string // what the refusal tells, or what a header of the answer is
}

const oddHandshake = "GET /ws HTTP/1.1\r\n" +
	"Host: callbox.example\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"\r\n"

func oddRequests() []oddRequest {
	const (
		end     = "13\r\n\r\n"
		upgrade = "Upgrade: websocket"
		connect = "Connection: Upgrade"
		key     = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	)
	with := func(headers string) []string { return []string{end, "13\r\n" + headers + "\r\n\r\n"} }
	return []oddRequest{
		{"as in RFC 6455", nil, 101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		{"Upgrade: WebSocket", []string{upgrade, "Upgrade: WebSocket"}, 101, ""},
		{"keep-alive, Upgrade", []string{connect, "Connection: keep-alive, Upgrade"}, 101, ""},
		{"Upgrade,keep-alive", []string{connect, "Connection: Upgrade,keep-alive"}, 101, ""},
		{"upgrade in lower case", []string{connect, "connection: upgrade"}, 101, ""},
		{"two Connection fields", []string{connect, "Connection: keep-alive\r\nConnection: Upgrade"}, 101, ""},
		{"names in capitals", []string{"Sec-WebSocket-Key", "SEC-WEBSOCKET-KEY", "Sec-WebSocket-Version", "SEC-WEBSOCKET-VERSION"}, 101, ""},
		{"no blank after the colon", []string{": ", ":"}, 101, ""},
		{"blanks around values", []string{upgrade, "Upgrade: \t websocket \t"}, 101, ""},
		{"an empty field", with("Sec-WebSocket-Extensions:"), 101, ""},
		{"an empty list of subprotocols", with("Sec-WebSocket-Protocol: "), 101, ""},
		{"two fields of subprotocols", with("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: callbox.v1"), 101, "callbox.v1"},
		{"a list of subprotocols", with("Sec-WebSocket-Protocol: chat,callbox.v1 , superchat"), 101, "callbox.v1"},
		{"subprotocol undefined", with("Sec-WebSocket-Protocol: undefined"), 400, "callbox.v1"},
		{"subprotocol in capitals", with("Sec-WebSocket-Protocol: CALLBOX.V1"), 400, "callbox.v1"},
		{"deflate", with("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), 101, ""},
		{"two offers of deflate", with("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover, permessage-deflate"), 101, ""},
		{"old deflate", with("Sec-WebSocket-Extensions: x-webkit-deflate-frame"), 101, ""},
		{"absolute form", []string{"GET /ws ", "GET http://callbox.example/ws "}, 101, ""},
		{"a query", []string{"/ws ", "/ws?EIO=3&x= "}, 101, ""},
		{"an empty query", []string{"/ws ", "/ws? "}, 101, ""},
		{"Content-Length: 0", with("Content-Length: 0"), 101, ""},
		{"many other fields", with(strings.Repeat("X-Forwarded-Whatever: a value of some length\r\n", 30) + "Pragma: no-cache"), 101, ""},
		{"line ends of LF alone", []string{"\r\n", "\n"}, 101, ""},
		{"versions 13 and 8", []string{"Version: 13", "Version: 13, 8"}, 101, ""},
		{"version 8", []string{"Version: 13", "Version: 8"}, 400, "13"},
		{"no version", []string{"Sec-WebSocket-Version: 13\r\n", ""}, 400, "13"},
		{"no key", []string{key, ""}, 400, "Sec-WebSocket-Key"},
		{"two keys", []string{key, key + key}, 400, "Sec-WebSocket-Key"},
		{"a short key", []string{"dGhlIHNhbXBsZSBub25jZQ==", "dGhl"}, 400, "Sec-WebSocket-Key"},
		{"a key that is not base64", []string{"dGhl", "d\"hl"}, 400, "Sec-WebSocket-Key"},
		{"no Upgrade", []string{upgrade + "\r\n", ""}, 400, "HTTP/1.1"},
		{"Upgrade: h2c", []string{upgrade, "Upgrade: h2c"}, 400, "HTTP/1.1"},
		{"Connection: keep-alive alone", []string{connect, "Connection: keep-alive"}, 400, "HTTP/1.1"},
		{"HTTP/1.0", []string{"HTTP/1.1", "HTTP/1.0"}, 400, "HTTP/1.1"},
		{"POST", []string{"GET /ws", "POST /ws"}, 405, "GET"},
		{"a body", []string{end, "13\r\nContent-Length: 2\r\n\r\n{}"}, 400, "body"},
		{"no Host", []string{"Host: callbox.example\r\n", ""}, 400, ""},
		{"two Hosts", []string{"Host: callbox.example\r\n", "Host: callbox.example\r\nHost: other.example\r\n"}, 400, ""},
		{"a blank before the colon", []string{"Upgrade:", "Upgrade :"}, 400, ""},
		{"a folded field", []string{connect, "Connection:\r\n Upgrade"}, 101, ""},
	}
}

// TestOddHandshakes sends each request in one piece, in two and byte by byte:
// the listener reads only the first kind itself.
func TestOddHandshakes(t *testing.T) {
	server := serve(t, defaultConfig())
	for _, odd := range oddRequests() {
		request := []byte(strings.NewReplacer(odd.replace...).Replace(oddHandshake))
		if odd.replace != nil && string(request) == oddHandshake {
			t.Fatalf("%s changes nothing", odd.name)
		}
		for name, size := range map[string]int{"whole": len(request), "halves": len(request)/2 + 1, "bytes": 1} {
			t.Run(odd.name+"/"+name, func(t *testing.T) {
				c := server.wire(t)
				c.write(request, size)
				c.expectAnswer(odd)
			})
		}
	}
	server.goesOn(t)
}

// oddFrames is what some client sends over a WebSocket.
type oddFrames struct {
	name  string
	sent  []byte
	pings []string // what the pings in it hold. Only the newest needs an answer (RFC 6455, section 5.5.3)
	text  string   // how the text begins that comes next, if one does
	close int      // the code that ends it all, if one does
}

// clientFrame returns a masked frame. head is its first byte.
func clientFrame(head byte, payload string) []byte {
	key := [4]byte{0xa5, 0x5a, 0, 0xff}
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

func oddFrameCases() []oddFrames {
	const (
		text, binaryFrame, closing, ping, pong = 0x81, 0x82, 0x88, 0x89, 0x8a
		textBegins, more, last                 = 0x01, 0x00, 0x80
		ask, answer                            = `{"type":"ping","id":7}`, `{"type":"pong","id":7}`
		join, joined                           = `{"type":"join","id":1,"room":"茶室"}`, `{"type":"joined"`
	)
	frame := clientFrame
	pieces := bytes.Join
	code := func(n uint16, reason string) []byte {
		return frame(closing, string(binary.BigEndian.AppendUint16(nil, n))+reason)
	}
	cut := strings.Index(join, "茶") + 1 // inside the letter
	var fragments []byte
	for i := range len(join) {
		head := byte(more)
		if i == 0 {
			head = textBegins
		}
		fragments = append(fragments, frame(head, join[i:i+1])...)
		if i%4 == 3 {
			fragments = append(fragments, frame(more, "")...)
		}
	}
	cases := []oddFrames{
		{name: "one message", sent: frame(text, ask), text: answer},
		{name: "a mask of zeros", sent: append([]byte{text, 0x80 | byte(len(ask)), 0, 0, 0, 0}, ask...), text: answer},
		{name: "a length longer than needed", sent: append([]byte{text, 0x80 | 126, 0, byte(len(ask)), 0, 0, 0, 0}, ask...), text: answer},
		{name: "the longest length", sent: append([]byte{text, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, byte(len(ask)), 0, 0, 0, 0}, ask...), text: answer},
		{
			name:  "cut inside a letter, pings between",
			sent:  pieces([][]byte{frame(textBegins, join[:cut]), frame(ping, "a"), frame(more, ""), frame(ping, "b"), frame(last, join[cut:])}, nil),
			pings: []string{"a", "b"}, text: joined,
		},
		{name: "one byte a fragment", sent: append(fragments, frame(last, "")...), text: joined},
		{name: "150 pongs that nothing asked for", sent: append(bytes.Repeat(frame(pong, "x"), 150), frame(text, ask)...), text: answer},
		{name: "an empty ping", sent: append(frame(ping, ""), frame(text, ask)...), pings: []string{""}, text: answer},
		{name: "the largest ping", sent: append(frame(ping, strings.Repeat("p", 125)), frame(text, ask)...), pings: []string{strings.Repeat("p", 125)}, text: answer},
		{name: "white space around the frame", sent: frame(text, " \r\n\t"+ask+"\n"), text: answer},
		{name: "a byte order mark before the frame", sent: frame(text, "\ufeff"+ask), text: `{"type":"error"`},
		{name: "an empty message", sent: frame(text, ""), text: `{"type":"error"`},
		{name: "binary", sent: frame(binaryFrame, ask), text: `{"type":"error"`},
		{name: "no UTF-8", sent: frame(text, "{\"type\":\"\xc3\x28\"}"), text: `{"type":"error"`},
		{name: "a ping of 126 bytes", sent: frame(ping, strings.Repeat("p", 126)), close: websocket.CloseProtocolError},
		{name: "a ping in pieces", sent: frame(0x09, "p"), close: websocket.CloseProtocolError},
		{name: "a text inside a message", sent: append(frame(textBegins, "{"), frame(text, ask)...), close: websocket.CloseProtocolError},
		{name: "more of nothing", sent: frame(last, "x"), close: websocket.CloseProtocolError},
		{name: "no mask", sent: append([]byte{text, byte(len(ask))}, ask...), close: websocket.CloseProtocolError},
		{name: "a length of 64 bits", sent: append([]byte{text, 0x80 | 127}, bytes.Repeat([]byte{0xff}, 12)...), close: websocket.CloseProtocolError},
		{name: "a length of 62 bits", sent: append([]byte{text, 0x80 | 127, 0x3f}, bytes.Repeat([]byte{0xff}, 11)...), text: `{"type":"error"`, close: protocol.CloseTooLarge},
		{name: "a close without a code", sent: frame(closing, ""), close: websocket.CloseNormalClosure},
		{name: "half a close code", sent: frame(closing, "\x03"), close: websocket.CloseProtocolError},
		{name: "a close with a long reason", sent: code(1001, strings.Repeat("r", 123)), close: websocket.CloseGoingAway},
		{name: "a close whose reason is no UTF-8", sent: code(1000, "\xff"), close: websocket.CloseInvalidFramePayloadData},
		{name: "a close inside a message", sent: append(frame(textBegins, "{"), code(1000, "")...), close: websocket.CloseNormalClosure},
		{name: "a message behind the close", sent: append(code(3000, ""), frame(text, ask)...), close: 3000},
		{name: "two closes", sent: append(code(3001, ""), code(1000, "")...), close: 3001},
	}
	for _, good := range []uint16{1000, 1001, 1003, 1011, 1013, 3000, 4999} {
		cases = append(cases, oddFrames{name: fmt.Sprintf("close %d", good), sent: code(good, "done"), close: int(good)})
	}
	for _, bad := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65535} {
		cases = append(cases, oddFrames{name: fmt.Sprintf("close %d", bad), sent: code(bad, ""), close: websocket.CloseProtocolError})
	}
	for _, reserved := range []byte{0x40, 0x20, 0x10, 0x70} {
		cases = append(cases, oddFrames{name: fmt.Sprintf("reserved bits %02x", reserved), sent: frame(text|reserved, ask), close: websocket.CloseProtocolError})
	}
	for _, opcode := range []byte{3, 7, 11, 15} {
		cases = append(cases, oddFrames{name: fmt.Sprintf("opcode %d", opcode), sent: frame(last|opcode, ""), close: websocket.CloseProtocolError})
	}
	return cases
}

// TestOddFrames sends each case behind the handshake in the same segment, by
// itself, and byte by byte.
func TestOddFrames(t *testing.T) {
	server := serve(t, defaultConfig())
	for _, odd := range oddFrameCases() {
		t.Run(odd.name, func(t *testing.T) {
			t.Run("behind the handshake", func(t *testing.T) {
				c := server.wire(t)
				c.write(append([]byte(oddHandshake), odd.sent...), 0)
				c.expectAnswer(oddRequest{status: http.StatusSwitchingProtocols})
				c.expectFrames(odd)
			})
			for name, size := range map[string]int{"whole": 0, "bytes": 1} {
				t.Run(name, func(t *testing.T) {
					c := server.wire(t)
					c.write([]byte(oddHandshake), 0)
					c.expectAnswer(oddRequest{status: http.StatusSwitchingProtocols})
					c.write(odd.sent, size)
					c.expectFrames(odd)
				})
			}
		})
	}
	server.goesOn(t)
}

// wireClient is a WebSocket client that writes bytes as the test says, for requests and
// frames that rawClient cannot send. The tests of package signaling have one, too.
type wireClient struct {
	net.Conn
	in *bufio.Reader
	t  *testing.T
}

func (s *testServer) wire(t *testing.T) *wireClient {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &wireClient{conn, bufio.NewReader(conn), t}
}

// write sends p in pieces of that size; 0 = in one. Each piece is a segment:
// Go does not wait for more (TCP_NODELAY).
func (c *wireClient) write(p []byte, size int) {
	c.t.Helper()
	if size == 0 {
		size = len(p)
	}
	for len(p) > 0 {
		n, err := c.Write(p[:min(size, len(p))])
		if err != nil {
			return // the server has heard enough; what it said is read next
		}
		p = p[n:]
	}
}

func (c *wireClient) expectAnswer(want oddRequest) {
	c.t.Helper()
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != want.status {
		c.t.Fatalf("status %d, want %d", response.StatusCode, want.status)
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		if e := response.Header.Get("Sec-Websocket-Extensions"); e != "" {
			c.t.Errorf("it agrees on %q", e)
		}
		if got := response.Header.Get("Sec-Websocket-Accept") + response.Header.Get("Sec-Websocket-Protocol"); !strings.Contains(got, want.says) {
			c.t.Errorf("the answer says %q, want %q", got, want.says)
		}
		return
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var refusal struct{ Code, Message string }
	if want.says != "" && (json.Unmarshal(body, &refusal) != nil || refusal.Code == "" || !strings.Contains(refusal.Message, want.says)) {
		c.t.Errorf("it is refused with %q, which does not tell of %q", body, want.says)
	}
}

// expectFrames reads what the server sends: pongs, a text, a close, and no
// more than that.
func (c *wireClient) expectFrames(want oddFrames) {
	c.t.Helper()
	unanswered := want.pings
	for {
		opcode, payload := c.frame()
		switch {
		case opcode == websocket.PongMessage && slices.Contains(unanswered, payload):
			unanswered = unanswered[slices.Index(unanswered, payload)+1:]
		case opcode == websocket.TextMessage && want.text != "" && strings.HasPrefix(payload, want.text):
			want.text = ""
		case opcode == websocket.CloseMessage && len(payload) >= 2 && int(binary.BigEndian.Uint16([]byte(payload))) == want.close:
			want.close = 0
			_ = c.Conn.(*net.TCPConn).CloseWrite() // the server waits for it, so that its close arrives
			if _, err := c.in.ReadByte(); err == nil {
				c.t.Error("something comes after the close")
			}
		default:
			c.t.Fatalf("got opcode %d, %q; still wanted: text %q, close %d, pongs %q", opcode, payload, want.text, want.close, unanswered)
		}
		if want.text == "" && want.close == 0 && len(unanswered) == 0 {
			return
		}
	}
}

// frame reads one frame of the server, which is neither masked nor cut.
func (c *wireClient) frame() (opcode int, payload string) {
	c.t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		c.t.Fatal(err)
	}
	size := int(head[1])
	if size == 126 {
		var long [2]byte
		if _, err := io.ReadFull(c.in, long[:]); err != nil {
			c.t.Fatal(err)
		}
		size = int(binary.BigEndian.Uint16(long[:]))
	}
	p := make([]byte, size)
	if _, err := io.ReadFull(c.in, p); err != nil {
		c.t.Fatal(err)
	}
	if head[0]&0xf0 != 0x80 {
		c.t.Fatalf("a frame begins with %#x", head[0])
	}
	return int(head[0] & 0xf), string(p)
}
