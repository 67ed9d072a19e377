package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

const (
	bigMessage  = 63 << 10
	bigMessages = 16 // as many as a peer can leave unconfirmed
	stay        = 10 * time.Second
)

// unconfirmed keeps pairs of peers in rooms. They send each other as much as the
// server accepts, read it, and confirm nothing.
func unconfirmed(ctx context.Context, a *attacker) { pairs(ctx, a, true) }

// away does the same, and then breaks the connections.
func away(ctx context.Context, a *attacker) { pairs(ctx, a, false) }

func pairs(ctx context.Context, a *attacker, connected bool) {
	var rooms atomic.Int64
	big := frame(opText, `{"type":"message","data":"`+strings.Repeat("x", bigMessage)+`"}`)
	a.repeat(ctx, max(1, a.each/4), func(ctx context.Context, source netip.Addr, _ int) {
		room := fmt.Sprintf("siege-%s-%d", strings.ReplaceAll(source.String(), ":", "-"), rooms.Add(1))
		var pair [2]*socket
		for i := range pair {
			s, err := a.webSocket(ctx, source, false)
			if err != nil {
				return
			}
			defer s.end()
			if _, err := s.join(ctx, room); err != nil {
				return
			}
			pair[i] = s
		}
		for i := range pair {
			if fill(pair[i], pair[1-i], big) != nil {
				return
			}
		}
		for connected && pause(ctx, stay) {
			for _, s := range pair {
				if s.text(`{"type":"ping"}`) != nil {
					return
				}
			}
		}
	})
}

// fill sends as many messages as the receiver can leave unconfirmed.
func fill(from, to *socket, message []byte) error {
	for range bigMessages {
		if _, err := from.Write(message); err != nil {
			return err
		}
	}
	for got := 0; got < bigMessages; {
		_ = to.SetReadDeadline(time.Now().Add(dialWait))
		text, err := to.next()
		if err != nil {
			return err
		}
		if bytes.HasPrefix(text, []byte(`{"type":"message"`)) {
			got++
		}
	}
	return to.SetReadDeadline(time.Time{})
}

// frames joins and sends frames of the largest size, without the last byte.
func frames(ctx context.Context, a *attacker) {
	begun := frame(opText, strings.Repeat("y", 64<<10))
	begun = begun[:len(begun)-1]
	a.repeat(ctx, max(1, a.each/2), func(ctx context.Context, source netip.Addr, i int) {
		s, err := a.webSocket(ctx, source, i%2 == 1)
		if err != nil {
			return
		}
		defer s.end()
		if i%3 > 0 { // a third never joins
			if _, err := s.join(ctx, fmt.Sprintf("frames-%s-%d", strings.ReplaceAll(source.String(), ":", "-"), i)); err != nil {
				return
			}
		}
		a.opened.Add(1)
		if _, err := s.Write(begun); err == nil {
			untilClosed(s)
		}
	})
}

// idle keeps as many peers in rooms as the server accepts.
func idle(ctx context.Context, a *attacker) {
	a.seats(ctx, a.each, "seats", func(s *socket, _ int) {
		for pause(ctx, stay) {
			if s.text(`{"type":"ping"}`) != nil {
				return
			}
		}
	})
}

// reports sends reports, which the server logs.
func reports(ctx context.Context, a *attacker) {
	text := bytes.Repeat(frame(opText, `{"type":"report","event":"`+strings.Repeat("e", 64)+`","data":1}`), 20)
	a.seats(ctx, max(1, a.each/4), "reports", func(s *socket, _ int) {
		for pause(ctx, 200*time.Millisecond) {
			if _, err := s.Write(text); err != nil {
				return
			}
		}
	})
}

// flood sends more frames than the limit on their rate allows, of kinds that are
// expensive to parse.
func flood(ctx context.Context, a *attacker) {
	var keys strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&keys, `,"k%d":0`, i)
	}
	kinds := [][]byte{
		bytes.Repeat(frame(opText, `{"type":"ping"}`), 500),
		frame(opText, `{"type":"ping"`+keys.String()+`}`),
		frame(opText, `{"type":"join","room":"`+strings.Repeat(`\u0061`, 10000)+`"}`),
		frame(opText, `{"type":"message","data":`+strings.Repeat("[", 10000)+strings.Repeat("]", 10000)+`}`),
		bytes.Repeat(frame(opPing, "ping"), 500),
		bytes.Repeat(frame(opText, `not JSON`), 100),
	}
	a.seats(ctx, max(1, a.each/20), "flood", func(s *socket, i int) {
		for ctx.Err() == nil {
			if _, err := s.Write(kinds[i%len(kinds)]); err != nil {
				return
			}
		}
	})
}

// seats has n peers for each source address join a room and call send. Everything that
// the server sends is discarded.
func (a *attacker) seats(ctx context.Context, n int, name string, send func(s *socket, i int)) {
	a.repeat(ctx, n, func(ctx context.Context, source netip.Addr, i int) {
		s, err := a.webSocket(ctx, source, false)
		if err != nil {
			return
		}
		defer s.end()
		if _, err := s.join(ctx, fmt.Sprintf("%s-%s-%d", name, strings.ReplaceAll(source.String(), ":", "-"), i)); err != nil {
			return
		}
		read := make(chan struct{})
		go func() {
			defer close(read)
			untilClosed(s)
		}()
		send(s, i)
		s.end()
		<-read
	})
}

// tokens joins with wrong tokens, again and again.
func tokens(ctx context.Context, a *attacker) {
	wrong := `{"type":"join","id":1,"room":"tokens","token":"eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiKiIsImV4cCI6OTk5OTk5OTk5OX0.` + strings.Repeat("A", 43) + `"}`
	a.repeat(ctx, max(1, a.each/20), func(ctx context.Context, source netip.Addr, _ int) {
		s, err := a.webSocket(ctx, source, false)
		if err != nil {
			return
		}
		defer s.end()
		for pause(ctx, 20*time.Millisecond) {
			a.tried.Add(1)
			if s.text(wrong) != nil {
				return
			}
			if _, err := s.next(); err != nil {
				return
			}
			a.opened.Add(1)
		}
	})
}
