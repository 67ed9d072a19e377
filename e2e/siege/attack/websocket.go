package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"
	"time"
)

const (
	opText   = 1
	opClose  = 8
	opPing   = 9
	opPong   = 10
	mostRead = 1 << 20
)

// socket is a WebSocket client that can send invalid and unfinished frames.
type socket struct {
	*conn
	r *bufio.Reader
}

func (a *attacker) webSocket(ctx context.Context, source netip.Addr, secure bool) (*socket, error) {
	c, err := a.web(ctx, source, secure)
	if err != nil {
		return nil, err
	}
	s := &socket{conn: c, r: bufio.NewReaderSize(c, 4<<10)}
	_, err = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: "+c.RemoteAddr().String()+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	_ = c.SetReadDeadline(time.Now().Add(5 * dialWait))
	for first := true; err == nil; first = false {
		var line string
		line, err = s.r.ReadString('\n')
		if first && err == nil && !strings.Contains(line, " 101 ") {
			err = errors.New(line)
		}
		if line == "\r\n" {
			_ = c.SetReadDeadline(time.Time{})
			return s, nil
		}
	}
	c.end()
	return nil, err
}

// frame returns a frame, masked with zeros.
func frame(op byte, payload string) []byte {
	b := []byte{0x80 | op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

func (s *socket) text(payload string) error {
	_, err := s.Write(frame(opText, payload))
	return err
}

// next returns the server's next text frame. It answers pings.
func (s *socket) next() ([]byte, error) {
	for {
		op, payload, err := s.frame()
		switch {
		case err != nil:
			return nil, err
		case op == opText:
			return payload, nil
		case op == opClose:
			return nil, io.EOF
		case op == opPing:
			if _, err := s.Write(frame(opPong, string(payload))); err != nil {
				return nil, err
			}
		}
	}
}

func (s *socket) frame() (op byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(s.r, head[:2]); err != nil {
		return 0, nil, err
	}
	n, more := uint64(head[1]&0x7f), 0
	switch n {
	case 126:
		more = 2
	case 127:
		more = 8
	}
	if more > 0 {
		if _, err := io.ReadFull(s.r, head[10-more:]); err != nil {
			return 0, nil, err
		}
		n = binary.BigEndian.Uint64(append(make([]byte, 8-more), head[10-more:]...))
	}
	if n > mostRead {
		return 0, nil, errors.New("the frame is too large")
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(s.r, payload)
	return head[0] & 15, payload, err
}

// reply has the fields that attacks need from the server's frames.
type reply struct {
	Type       string
	Code       string
	After      float64
	ICEServers []struct {
		URLs                 []string
		Username, Credential string
	}
}

// join joins a room. When the server says rate_limited, it waits as long as that says.
func (s *socket) join(ctx context.Context, room string) (reply, error) {
	for {
		s.attacker.tried.Add(1)
		if err := s.text(`{"type":"join","id":1,"room":"` + room + `"}`); err != nil {
			return reply{}, err
		}
		text, err := s.next()
		if err != nil {
			return reply{}, err
		}
		var r reply
		if err := json.Unmarshal(text, &r); err != nil {
			return reply{}, err
		}
		if r.Type == "joined" {
			s.attacker.opened.Add(1)
			return r, nil
		}
		if r.Code != "rate_limited" {
			return r, errors.New(r.Type + " " + r.Code)
		}
		if !pause(ctx, max(again, time.Duration(r.After*float64(time.Second)))) {
			return r, ctx.Err()
		}
	}
}
