package turnserver

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver/datapath"
)

const (
	handshakeTimeout    = 10 * time.Second
	firstMessageTimeout = 10 * time.Second
	// idleTimeout is how long a client without an allocation may say nothing.
	idleTimeout  = 30 * time.Second
	writeTimeout = 5 * time.Second

	streamBuffer = 4096
)

// stream serves a TCP or TLS connection: one frame of RFC 8656 section 12.4 is
// one message. Any error ends the connection.
type stream struct {
	net.Conn
	data     *datapath.Stream
	reader   *bufio.Reader
	begun    bool
	timeouts streamTimeouts

	mu          sync.Mutex
	live        bool // an allocation holds the connection open
	interrupted bool // ReadControl is to return
}

type streamTimeouts struct{ first, idle, write time.Duration }

func newStream(conn net.Conn, data *datapath.Stream, timeouts streamTimeouts) *stream {
	return &stream{Conn: conn, data: data, reader: bufio.NewReaderSize(conn, streamBuffer), timeouts: timeouts}
}

// ReadControl returns the next control message, and has relayed what came before
// it. After an Interrupt n is 0, once.
func (s *stream) ReadControl(p []byte) (int, netip.AddrPort, netip.Addr, error) {
	for {
		n, err := s.nextFrame(p)
		if n == 0 {
			return 0, netip.AddrPort{}, netip.Addr{}, err
		}
		if !s.data.Receive(p[:n]) {
			return n, addrPort(s.RemoteAddr()), netip.Addr{}, nil
		}
	}
}

// Interrupt has ReadControl return without a message, now or when it is called
// next. It never waits.
func (s *stream) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupted = true
	_ = s.SetReadDeadline(time.Now()) // fails only when the connection is closed
}

// wasInterrupted says whether an Interrupt was the reason for err, once. What was
// read by then is still there.
func (s *stream) wasInterrupted(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.interrupted && errors.Is(err, os.ErrDeadlineExceeded)
	if was {
		s.interrupted = false
	}
	return was
}

// nextFrame reads a frame without its padding. Frames longer than p are passed
// over. After an Interrupt n is 0.
func (s *stream) nextFrame(p []byte) (int, error) {
	for {
		n, err := s.readFrame(p)
		if err != nil && s.wasInterrupted(err) {
			return 0, nil
		}
		if err != nil {
			closeNow(s.Conn)
			return 0, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

// Client is the one that the connection is to.
func (s *stream) Client(netip.AddrPort, netip.Addr) datapath.Client { return s.data }

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
	case s.interrupted:
		return nil
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
	if !live && !s.interrupted {
		// Fails only when the connection is closed already.
		_ = s.SetReadDeadline(time.Now().Add(s.timeouts.idle))
	}
}

// WriteTo queues a message to the client, the only one there is.
func (s *stream) WriteTo(p []byte, _ netip.AddrPort, _ netip.Addr) error { return s.data.Write(p) }

// writeQueued writes until the connection ends. A client that does not take it
// in time loses its connection.
func (s *stream) writeQueued() {
	s.data.Run(func(p []byte) error {
		err := s.SetWriteDeadline(time.Now().Add(s.timeouts.write))
		if err == nil {
			_, err = s.Write(p)
		}
		if err != nil {
			closeNow(s.Conn)
		}
		return err
	})
}

// Close closes the connection at once, without TLS's farewell, which could
// wait for the client.
func (s *stream) Close() {
	closeNow(s.Conn)
	s.data.Close()
}

func closeNow(conn net.Conn) {
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = outer.NetConn()
	}
	_ = conn.Close() // nothing depends on how it ends
}
