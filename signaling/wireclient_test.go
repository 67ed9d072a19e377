package signaling

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wireClient is the WebSocket client of this package's own tests: they choose
// every byte that it sends. The tests of package signaling_test have one of their
// own, rawClient (frame by frame) and caller (requests wait for their replies), and
// package faultmodel has transports that break.
type wireClient struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

// connectWire returns a client that has sent nothing yet.
func connectWire(t *testing.T, address string) *wireClient {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return &wireClient{conn, t, bufio.NewReader(conn)}
}

// open sends a handshake, and what follows it in the same segment. The server
// must accept.
func (c *wireClient) open(request string) {
	c.t.Helper()
	_, _ = io.WriteString(c, request)
	response, err := http.ReadResponse(c.in, nil) //nolint:bodyclose // it has none
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		c.t.Fatal(response, err)
	}
}

func (c *wireClient) send(text string) {
	c.t.Helper()
	if _, err := c.Write(masked(finalBit|opText, text, 0x12345678)); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next message from the server, and answers the pings before
// it.
func (c *wireClient) read() (string, error) {
	for {
		opcode, payload, err := c.readFrame()
		switch {
		case err != nil:
			return "", err
		case opcode == opPing:
			if _, err := c.Write(masked(finalBit|opPong, payload, 7)); err != nil {
				return "", err
			}
		case opcode == opClose:
			return "", io.EOF
		default:
			return payload, nil
		}
	}
}

func (c *wireClient) readFrame() (opcode byte, payload string, err error) {
	head := make([]byte, 4)
	_, err = io.ReadFull(c.in, head[:2])
	size := int(head[1])
	if size == 126 && err == nil {
		_, err = io.ReadFull(c.in, head[2:])
		size = int(head[2])<<8 | int(head[3])
	}
	text := make([]byte, size)
	if err == nil {
		_, err = io.ReadFull(c.in, text)
	}
	return head[0] &^ finalBit, string(text), err
}

// expect reads the next message, which must start with want.
func (c *wireClient) expect(want string) {
	c.t.Helper()
	if text, err := c.read(); err != nil || !strings.HasPrefix(text, want) {
		c.t.Fatalf("got %.200s, %v; want %s", text, err, want)
	}
}

// expectType reads the next frame of the protocol, which must have that type.
func (c *wireClient) expectType(kind string) {
	c.t.Helper()
	c.expect(`{"type":"` + kind + `"`)
}

func (c *wireClient) join(room string) {
	c.t.Helper()
	c.send(`{"type":"join","id":1,"room":"` + room + `"}`)
	c.expectType("joined")
}
