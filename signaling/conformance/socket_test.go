package conformance

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// The opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// closeAbnormal stands for a connection that ended without a close frame.
const closeAbnormal = 1006

// inbox takes what a server sends on one connection.
type inbox struct {
	replies chan frame // and notices
	events  chan frame
	ended   chan struct{} // closed once no more comes

	// Set before ended is closed.
	code  int    // the close code
	fault string // what the server did that no server may
	once  sync.Once

	mu    sync.Mutex // guards count: replies and events may come by two ways
	count int
}

func newInbox() *inbox {
	return &inbox{replies: make(chan frame, 4096), events: make(chan frame, 4096), ended: make(chan struct{})}
}

// put takes a frame; it returns false when the connection is not worth reading on.
func (b *inbox) put(text []byte) bool {
	f, err := parseFrame(text)
	if err != nil {
		b.end(closeAbnormal, err.Error())
		return false
	}
	b.mu.Lock()
	b.count++
	f.order = b.count
	b.mu.Unlock()
	to := b.replies
	if f.isEvent() {
		to = b.events
	}
	select {
	case to <- f:
		return true
	default:
		b.end(closeAbnormal, "the server sends thousands of frames that nobody asked for")
		return false
	}
}

func (b *inbox) end(code int, fault string) {
	b.once.Do(func() {
		b.code, b.fault = code, fault
		close(b.ended)
	})
}

// socket is a WebSocket (RFC 6455) that hides nothing from a test.
type socket struct {
	conn  net.Conn
	in    *bufio.Reader
	box   *inbox
	deaf  atomic.Bool   // answers no pings
	pings atomic.Int64  // how many came
	pongs chan struct{} // one for each pong

	// Owned by who reads: the message that is not whole yet.
	open    bool
	partial []byte

	mu sync.Mutex // guards writing
}

// handshake says what is unusual in an opening handshake.
type handshake struct {
	header http.Header
	slow   bool // with a small receive buffer, and nobody who reads
}

// errRefused is an opening handshake with another answer than 101.
var errRefused = errors.New("the handshake was refused")

// dialSocket opens a WebSocket. With errRefused the response is the server's.
func (at *target) dialSocket(ctx context.Context, h handshake) (*socket, *http.Response, error) {
	conn, err := at.connect(ctx, h.slow)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	key := base64.StdEncoding.EncodeToString([]byte(rand.Text()[:16]))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.api("/ws"), http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	for name, values := range h.header {
		request.Header[name] = values
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "websocket")
	request.Header.Set("Sec-Websocket-Version", "13")
	request.Header.Set("Sec-Websocket-Key", key)
	if err := request.Write(conn); err != nil {
		conn.Close()
		return nil, nil, err
	}
	in := bufio.NewReaderSize(conn, 4096)
	response, err := http.ReadResponse(in, request)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		defer conn.Close()
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<16))
		response.Body.Close()
		response.Body = io.NopCloser(strings.NewReader(string(body)))
		return nil, response, errRefused
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if got := response.Header.Get("Sec-Websocket-Accept"); got != base64.StdEncoding.EncodeToString(sum[:]) {
		conn.Close()
		return nil, response, fmt.Errorf("transport: Sec-WebSocket-Accept %q is not the answer to the key", got)
	}
	w := &socket{conn: conn, in: in, box: newInbox(), pongs: make(chan struct{}, 16)}
	return w, response, nil
}

func (at *target) connect(ctx context.Context, slow bool) (net.Conn, error) {
	host := at.base.Host
	if at.base.Port() == "" {
		host = net.JoinHostPort(at.base.Hostname(), map[string]string{"http": "80", "https": "443"}[at.base.Scheme])
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok && slow {
		_ = tcp.SetReadBuffer(128 << 10)
	}
	if at.base.Scheme == "https" {
		config := tlsConfig()
		config.ServerName = at.base.Hostname()
		config.NextProtos = []string{"http/1.1"}
		return tls.Client(conn, config), nil
	}
	return conn, nil
}

// run reads to the connection's end.
func (w *socket) run() {
	for w.step() {
	}
	w.conn.Close()
}

// step reads one message or control frame.
func (w *socket) step() bool {
	op, payload, err := w.readMessage()
	if err != nil {
		fault := ""
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			if _, ok := errors.AsType[net.Error](err); !ok {
				fault = err.Error()
			}
		}
		w.box.end(closeAbnormal, fault)
		return false
	}
	switch op {
	case opText:
		return w.box.put(payload)
	case opPing:
		w.pings.Add(1)
		if !w.deaf.Load() {
			_ = w.write(opPong, payload)
		}
	case opPong:
		select {
		case w.pongs <- struct{}{}:
		default:
		}
	case opClose:
		_ = w.write(opClose, payload[:min(2, len(payload))])
		code := 1005
		if len(payload) >= 2 {
			code = int(binary.BigEndian.Uint16(payload))
		}
		w.box.end(code, "")
		return false
	}
	return true
}

// readMessage returns a whole text message, or a control frame, which may come
// between the parts of one.
func (w *socket) readMessage() (op byte, payload []byte, err error) {
	for {
		fin, op, payload, err := w.readFrame()
		switch {
		case err != nil:
			return 0, nil, err
		case op >= opClose:
			return op, payload, nil
		case op == opBinary, op == opText && w.open, op == opContinuation && !w.open, op > opBinary:
			return 0, nil, fmt.Errorf("transport: a frame with opcode %d out of place", op)
		}
		w.open = !fin
		w.partial = append(w.partial, payload...)
		if fin {
			message := w.partial
			w.partial = nil
			if !utf8.Valid(message) {
				return 0, nil, errors.New("transport: a text message that is not UTF-8")
			}
			return opText, message, nil
		}
	}
}

func (w *socket) readFrame() (fin bool, op byte, payload []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(w.in, head[:2]); err != nil {
		return false, 0, nil, err
	}
	if head[0]&0x70 != 0 {
		return false, 0, nil, errors.New("transport: reserved bits are set (there is no compression)")
	}
	if head[1]&0x80 != 0 {
		return false, 0, nil, errors.New("transport: a frame from a server is masked")
	}
	fin, op = head[0]&0x80 != 0, head[0]&15
	size := uint64(head[1])
	switch size {
	case 126:
		_, err = io.ReadFull(w.in, head[:2])
		size = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		_, err = io.ReadFull(w.in, head[:8])
		size = binary.BigEndian.Uint64(head[:8])
	}
	if err != nil {
		return false, 0, nil, err
	}
	if size > 64<<20 {
		return false, 0, nil, fmt.Errorf("transport: a frame of %d bytes", size)
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(w.in, payload)
	return fin, op, payload, err
}

// write sends one frame, masked as a client must.
func (w *socket) write(op byte, payload []byte) error {
	return w.writeBytes(maskedFrame(0x80|op, payload))
}

func maskedFrame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{0x5a, 0xc3, 0x0f, 0x96}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i&3])
	}
	return b
}

func (w *socket) writeBytes(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(*patienceFlag))
	_, err := w.conn.Write(b)
	return err
}

// send implements link.
func (w *socket) send(text string) error { return w.write(opText, []byte(text)) }

// inbox implements link.
func (w *socket) inbox() *inbox { return w.box }

// cut implements link: the connection breaks, without a close frame.
func (w *socket) cut() {
	if tcp, ok := w.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	w.conn.Close()
}
