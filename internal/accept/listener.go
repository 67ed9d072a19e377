package accept

import (
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"syscall"
)

// Kind is the protocol with which the connections of a listener begin.
type Kind int

const (
	// Plain connections begin with HTTP. Refused ones get an HTTP response that says
	// why.
	Plain Kind = iota
	// Secure connections begin with TLS. Refused ones are closed.
	Secure
)

// The memory, in bytes, for which a connection that serves HTTP is charged, as measured:
// goroutines and buffers, the state of TLS, and with HTTP/2 as many streams as webHTTP2
// of cmd/callbox allows, whose clients read none of the responses, or the answers to the
// frames of one TLS record.
const (
	plainCost  = 32 << 10
	secureCost = 64 << 10
	http2Cost  = 384 << 10
)

// costOf returns the memory for which c is charged. conn is the outermost known layer
// of it.
func costOf(c *Conn, conn net.Conn) int {
	if c.kind == Plain {
		return plainCost
	}
	secured, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if ok && secured.ConnectionState().NegotiatedProtocol == "h2" {
		return http2Cost
	}
	return secureCost
}

// Listener returns a listener that accepts the connections of inner that t admits. All
// other listeners that wrap connections must be wrapped around it. Connections that are
// not a *net.TCPConn are passed on without being counted.
func (t *Table) Listener(inner net.Listener, kind Kind) net.Listener {
	return &listener{Listener: inner, table: t, kind: kind}
}

type listener struct {
	net.Listener
	table *Table
	kind  Kind
}

// SyscallConn gives access to the socket, for its options.
func (l *listener) SyscallConn() (syscall.RawConn, error) {
	if socket, ok := l.Listener.(syscall.Conn); ok {
		return socket.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// Accept returns the next connection that the table admits.
func (l *listener) Accept() (net.Conn, error) {
	freed := false
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err != nil && !freed && isOutOfDescriptors(err):
			if freed = l.table.freeDescriptor(); freed {
				continue
			}
			return nil, err
		case err != nil:
			return nil, err
		}
		socket, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil
		}
		c := &Conn{TCPConn: socket, table: l.table, kind: l.kind}
		victim, reason := l.table.admit(c)
		if victim != nil {
			victim.closeDisplaced()
		}
		if reason == "" {
			return c, nil
		}
		c.refuse(reason)
	}
}

func isOutOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// refuse tells a client of plain HTTP why it is refused, and closes the connection. It
// does not block.
func (c *Conn) refuse(reason string) {
	if c.kind == Plain {
		discardArrived(c.TCPConn) // otherwise closing could discard the response
		_, _ = c.TCPConn.Write(refusal(reason))
	}
	_ = c.TCPConn.Close() // nothing depends on how it ends
	if c.holder != nil {
		c.table.remove(c)
	}
}

// refusal returns the HTTP response to a connection that is refused.
func refusal(reason string) []byte {
	status, text := "503 Service Unavailable", "the server has reached its limit of connections; try again in a few seconds\n"
	switch reason {
	case refusedAddress:
		status, text = "429 Too Many Requests", "your address has too many connections; close some, or try again in a few seconds\n"
	case refusedMemory:
		text = "the server has no memory left for more connections; try again in a few seconds\n"
	}
	return []byte("HTTP/1.1 " + status + "\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n" +
		"Retry-After: 5\r\nConnection: close\r\nContent-Length: " + strconv.Itoa(len(text)) + "\r\n\r\n" + text)
}
