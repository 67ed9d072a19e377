package turnserver

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/pion/stun/v3"
)

const (
	handshakeTimeout    = 10 * time.Second
	firstMessageTimeout = 10 * time.Second
	// idleTimeout is how long a client without an allocation may say nothing.
	idleTimeout  = 30 * time.Second
	writeTimeout = 5 * time.Second

	streamBuffer = 4096
)

// stream makes a net.PacketConn of a TCP or TLS connection: one frame of RFC
// 8656 section 12.4 is one packet. Any error ends the connection.
type stream struct {
	net.Conn
	reader   *bufio.Reader
	begun    bool
	timeouts streamTimeouts

	write sync.Mutex

	mu   sync.Mutex
	live bool // an allocation holds the connection open
}

type streamTimeouts struct{ first, idle, write time.Duration }

func newStream(conn net.Conn, timeouts streamTimeouts) *stream {
	return &stream{Conn: conn, reader: bufio.NewReaderSize(conn, streamBuffer), timeouts: timeouts}
}

// ReadFrom returns the next frame without its padding. Frames longer than p are
// passed over.
func (s *stream) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, err := s.readFrame(p)
		if err != nil {
			closeNow(s.Conn)
			return 0, nil, err
		}
		if n > 0 {
			return n, s.RemoteAddr(), nil
		}
	}
}

func (s *stream) readFrame(p []byte) (int, error) {
	if err := s.setReadDeadline(); err != nil {
		return 0, err
	}
	header, err := s.reader.Peek(channelHeader)
	if err != nil {
		return 0, err
	}
	length, padded, err := frameLength([4]byte(header))
	if err != nil {
		return 0, err
	}
	if !s.begun || header[0]>>6 == 0 {
		// A client begins with a STUN message; anything else is another
		// protocol at the wrong door, or a stream out of step.
		if header, err = s.reader.Peek(stunHeader); err != nil {
			return 0, err
		}
		if !stun.IsMessage(header) || header[0]>>6 != 0 {
			return 0, errFraming
		}
		s.begun = true
	}
	if length > min(len(p), maxFrame) {
		_, err = s.reader.Discard(padded)
		return 0, err
	}
	frame, err := s.reader.Peek(padded)
	if err != nil {
		return 0, err
	}
	n := copy(p, frame[:length])
	_, err = s.reader.Discard(padded)
	return n, err
}

// setReadDeadline gives the next frame its time: none while there is an
// allocation, whose lifetime bounds it.
func (s *stream) setReadDeadline() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var deadline time.Time
	switch {
	case !s.begun:
		deadline = time.Now().Add(s.timeouts.first)
	case !s.live:
		deadline = time.Now().Add(s.timeouts.idle)
	}
	return s.SetReadDeadline(deadline)
}

// setLive is told when the client gets its allocation and when it ends.
func (s *stream) setLive(live bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = live
	if !live {
		// Fails only when the connection is closed already.
		_ = s.SetReadDeadline(time.Now().Add(s.timeouts.idle))
	}
}

// WriteTo sends one packet to the client, the only one there is. A client that
// does not take it in time loses its connection.
func (s *stream) WriteTo(p []byte, _ net.Addr) (int, error) {
	s.write.Lock()
	defer s.write.Unlock()
	err := s.SetWriteDeadline(time.Now().Add(s.timeouts.write))
	if err != nil {
		return 0, err
	}
	n, err := s.Write(p)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		closeNow(s.Conn)
	}
	return n, err
}

// Close closes the connection at once, without TLS's farewell, which could
// wait for the client.
func (s *stream) Close() error {
	closeNow(s.Conn)
	return nil
}

func closeNow(conn net.Conn) {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	_ = conn.Close() // nothing depends on how it ends
}
