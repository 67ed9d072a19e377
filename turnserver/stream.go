package turnserver

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"callbox/internal/netaddr"
	"callbox/internal/rawio"
	"callbox/turnserver/datapath"
)

const (
	handshakeTimeout    = 10 * time.Second
	firstMessageTimeout = 10 * time.Second
	// idleTimeout is how long a client without an allocation may send nothing. It has twice
	// that time to get one, whatever it sends meanwhile.
	idleTimeout  = 30 * time.Second
	writeTimeout = 5 * time.Second
)

// stream is a TCP or TLS connection, on which each message is a frame of RFC 8656 section 12.4. Any
// error ends the connection.
type stream struct {
	net.Conn
	data     *datapath.Stream
	frames   frameReader
	secure   bool        // Conn is TLS,
	below    *recordConn // with this below it; nil = with another connection
	timeouts streamTimeouts

	mu          sync.Mutex
	live        bool      // there is an allocation, so the connection stays open
	idleSince   time.Time // when that changed last
	unbounded   bool      // reads have no deadline
	interrupted bool      // ReadControl must return
}

type streamTimeouts struct{ first, idle, write time.Duration }

func newStream(conn net.Conn, data *datapath.Stream, timeouts streamTimeouts) *stream {
	socket := rawio.NewSocket(conn)
	s := &stream{Conn: conn, data: data, frames: frameReader{conn: conn, socket: socket}, timeouts: timeouts, idleSince: time.Now()}
	below, layers := innermost(conn)
	s.secure = layers > 0
	s.below, _ = below.(*recordConn)
	switch {
	case socket != nil:
		data.WriteAtOnce(func(p []byte) (int, bool) {
			n, _ := socket.TryWrite(p) // the next write returns the error again
			return n, false
		})
	case s.below != nil:
		s.below.neverWait(data.RequestWrite)
		data.WriteAtOnce(s.writeRecordsNow)
	}
	return s
}

// chargeTo charges what the connection holds for its client to memory.
func (s *stream) chargeTo(memory Memory, client netip.Addr) {
	s.data.ChargeTo(memory, client)
	s.frames.charge = func(n int) bool {
		if n < 0 {
			memory.Give(client, -n)
			return true
		}
		return memory.Take(client, n)
	}
}

// ReadControl relays what the client sends until a control message comes, which it returns. After an
// Interrupt it returns no bytes, once.
func (s *stream) ReadControl(p []byte) (int, netip.AddrPort, netip.Addr, error) {
	for {
		frame, err := s.nextFrame()
		if frame == nil {
			return 0, netip.AddrPort{}, netip.Addr{}, err
		}
		if !s.data.Receive(frame) && len(frame) <= len(p) {
			s.data.Flush()
			return copy(p, frame), netaddr.AddrPort(s.RemoteAddr()), netip.Addr{}, nil
		}
	}
}

// Interrupt makes ReadControl return without a message, now or at its next call. It never waits.
func (s *stream) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupted, s.unbounded = true, false
	_ = s.SetReadDeadline(time.Now()) // fails only when the connection is closed
}

// wasInterrupted reports whether an Interrupt was the reason for err, once. What was read by then is
// kept.
func (s *stream) wasInterrupted(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.interrupted && errors.Is(err, os.ErrDeadlineExceeded)
	if was {
		s.interrupted = false
	}
	return was
}

// nextFrame returns the next frame without its padding. It is valid until the next call, and nil after
// an Interrupt.
func (s *stream) nextFrame() ([]byte, error) {
	for timed := false; ; timed = true {
		frame, err := s.frames.next()
		if frame != nil {
			return frame, nil
		}
		s.data.Flush()
		if err == nil && !timed {
			err = s.setReadDeadline()
		}
		if err == nil {
			err = s.frames.fill()
		}
		if err != nil && s.wasInterrupted(err) {
			return nil, nil
		}
		if err != nil {
			s.frames.free()
			closeNow(s.Conn)
			return nil, err
		}
	}
}

// Client returns the client of the connection.
func (s *stream) Client(netip.AddrPort, netip.Addr) datapath.Client { return s.data }

// setReadDeadline sets the deadline of the next frame: none while there is an allocation, whose
// lifetime is the bound.
func (s *stream) setReadDeadline() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var deadline time.Time
	switch {
	case s.interrupted, s.live && s.unbounded:
		return nil
	case !s.frames.begun:
		deadline = time.Now().Add(s.timeouts.first)
	case !s.live:
		deadline = time.Now().Add(s.timeouts.idle)
		if last := s.idleSince.Add(2 * s.timeouts.idle); last.Before(deadline) {
			deadline = last
		}
	}
	s.unbounded = deadline.IsZero()
	return s.SetReadDeadline(deadline)
}

// setLive must be called when the client gets its allocation and when that ends.
func (s *stream) setLive(live bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live, s.idleSince = live, time.Now()
	s.unbounded = s.unbounded && live
	if !live && !s.interrupted {
		// Fails only when the connection is closed already.
		_ = s.SetReadDeadline(time.Now().Add(s.timeouts.idle))
	}
}

// WriteTo queues a message to the client. There is only one, so the addresses do not matter.
func (s *stream) WriteTo(p []byte, _ netip.AddrPort, _ netip.Addr) error { return s.data.Write(p) }

// writeQueued writes what is queued until the connection ends. It closes the connection of a client
// that takes longer than the write timeout.
func (s *stream) writeQueued() {
	s.data.Run(func(p []byte) error {
		err := s.SetWriteDeadline(time.Now().Add(s.timeouts.write))
		switch {
		case err != nil:
		case s.secure:
			err = s.writeRecords(p)
		default:
			_, err = s.Write(p)
		}
		if err != nil {
			closeNow(s.Conn)
		}
		return err
	})
}

// Close closes the connection at once, without the close_notify of TLS, which could wait for the
// client.
func (s *stream) Close() {
	closeNow(s.Conn)
	s.data.Close()
}

// closeNow closes the socket without the close_notify of TLS.
func closeNow(conn net.Conn) {
	socket, _ := innermost(conn)
	_ = socket.Close() // nothing depends on how it ends
}

// innermost returns the connection below all layers of TLS, and how many layers there are.
func innermost(conn net.Conn) (below net.Conn, layers int) {
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn, layers
		}
		conn = outer.NetConn()
		layers++
	}
}
