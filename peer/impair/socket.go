package impair

import (
	"errors"
	"net"
	"time"

	"github.com/pion/transport/v5"
)

// inner is what udpSocket and tcpSocket need of the socket that they wrap.
type inner interface {
	Close() error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// socket is one socket of a Net. Fields below the line are protected by Net.mu.
type socket struct {
	net    *Net
	conn   inner
	stream bool // TCP
	write  func(data []byte, to net.Addr) error

	// ----
	lastDue time.Time // of its packets, except for one that is held
	waiting int       // packets in the queue
	closed  bool
}

// register adds a socket; after Net.Close, it closes it.
func (n *Net) register(s *socket) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		_ = s.conn.Close()
		return net.ErrClosed
	}
	s.net = n
	n.sockets[s] = struct{}{}
	return nil
}

// Close ends reading and refuses to send. What is queued is still sent.
func (s *socket) Close() error {
	s.net.mu.Lock()
	if s.closed {
		s.net.mu.Unlock()
		return net.ErrClosed
	}
	s.closed = true
	delete(s.net.sockets, s)
	waiting := s.waiting
	if waiting > 0 { // readers end now
		_ = s.conn.SetReadDeadline(time.Unix(1, 0))
	}
	s.net.mu.Unlock()
	if waiting > 0 {
		return nil
	}
	return s.conn.Close()
}

// SetReadDeadline implements net.Conn and net.PacketConn.
func (s *socket) SetReadDeadline(t time.Time) error {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	return s.conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn and net.PacketConn. Sending never blocks, so that
// it has no effect.
func (s *socket) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.Conn and net.PacketConn.
func (s *socket) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

// readError returns the error of a read: that of a closed socket once it is closed.
func (s *socket) readError(err error) error {
	if err != nil && s.isClosed() {
		return net.ErrClosed
	}
	return err
}

func (s *socket) isClosed() bool {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	return s.closed
}

// udpSocket implements transport.UDPConn.
type udpSocket struct {
	*socket
	conn transport.UDPConn
}

// openUDP makes a socket of one of the network below.
func (n *Net) openUDP(conn transport.UDPConn) (transport.UDPConn, error) {
	s := &socket{conn: conn, write: func(data []byte, to net.Addr) error {
		var err error
		if to == nil {
			_, err = conn.Write(data)
		} else {
			_, err = conn.WriteTo(data, to)
		}
		return err
	}}
	if err := n.register(s); err != nil {
		return nil, err
	}
	return &udpSocket{s, conn}, nil
}

func (u *udpSocket) LocalAddr() net.Addr            { return u.conn.LocalAddr() }
func (u *udpSocket) RemoteAddr() net.Addr           { return u.conn.RemoteAddr() }
func (u *udpSocket) SetReadBuffer(bytes int) error  { return u.conn.SetReadBuffer(bytes) }
func (u *udpSocket) SetWriteBuffer(bytes int) error { return u.conn.SetWriteBuffer(bytes) }

func (u *udpSocket) Read(b []byte) (int, error) {
	if u.isClosed() {
		return 0, net.ErrClosed
	}
	n, err := u.conn.Read(b)
	return n, u.readError(err)
}

func (u *udpSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	if u.isClosed() {
		return 0, nil, net.ErrClosed
	}
	n, from, err := u.conn.ReadFrom(b)
	return n, from, u.readError(err)
}

func (u *udpSocket) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) {
	if u.isClosed() {
		return 0, nil, net.ErrClosed
	}
	n, from, err := u.conn.ReadFromUDP(b)
	return n, from, u.readError(err)
}

func (u *udpSocket) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, from *net.UDPAddr, err error) {
	if u.isClosed() {
		return 0, 0, 0, nil, net.ErrClosed
	}
	n, oobn, flags, from, err = u.conn.ReadMsgUDP(b, oob)
	return n, oobn, flags, from, u.readError(err)
}

func (u *udpSocket) Write(b []byte) (int, error) { return u.WriteTo(b, nil) }

func (u *udpSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	if err := u.net.send(u.socket, b, to); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (u *udpSocket) WriteToUDP(b []byte, to *net.UDPAddr) (int, error) { return u.WriteTo(b, to) }

// errControl says that control data cannot be sent.
var errControl = errors.New("impair: control data cannot be sent")

func (u *udpSocket) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if len(oob) > 0 {
		return 0, 0, errControl
	}
	if to == nil {
		n, err = u.Write(b)
	} else {
		n, err = u.WriteTo(b, to)
	}
	return n, 0, err
}

// tcpSocket is a TCP connection.
type tcpSocket struct {
	*socket
	conn net.Conn
}

// openTCP makes a socket of a connection of the network below.
func (n *Net) openTCP(conn net.Conn) (net.Conn, error) {
	s := &socket{conn: conn, stream: true, write: func(data []byte, _ net.Addr) error {
		_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, err := conn.Write(data)
		if err != nil { // a part may have been sent
			_ = conn.Close()
		}
		return err
	}}
	if err := n.register(s); err != nil {
		return nil, err
	}
	return &tcpSocket{s, conn}, nil
}

func (t *tcpSocket) LocalAddr() net.Addr  { return t.conn.LocalAddr() }
func (t *tcpSocket) RemoteAddr() net.Addr { return t.conn.RemoteAddr() }

func (t *tcpSocket) Read(b []byte) (int, error) {
	n, err := t.conn.Read(b)
	return n, t.readError(err)
}

func (t *tcpSocket) Write(b []byte) (int, error) {
	if err := t.net.send(t.socket, b, nil); err != nil {
		return 0, err
	}
	return len(b), nil
}
