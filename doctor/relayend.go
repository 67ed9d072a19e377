package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/pion/turn/v5"

	"callbox/internal/pionlog"
)

// relayEnd is a client of a TURN server with one relay.
type relayEnd struct {
	conn    net.PacketConn // to the server
	client  *turn.Client
	relay   net.PacketConn // nil = none was opened
	reading sync.WaitGroup
	failure atomic.Pointer[error] // why reading ended
	closing sync.Once
}

// connected is a connected UDP socket, of which turn.Client wants to choose the destination.
type connected struct{ *net.UDPConn }

// WriteTo implements net.PacketConn.
func (c connected) WriteTo(p []byte, _ net.Addr) (int, error) { return c.Write(p) }

// openEnds opens two relays at the same time. Both results must be closed, also after an error.
func (n *network) openEnds(ctx context.Context, t *target) (a, b *relayEnd, err error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	var errs [2]error
	var both sync.WaitGroup
	both.Go(func() { a, errs[0] = n.openEnd(ctx, t) })
	both.Go(func() { b, errs[1] = n.openEnd(ctx, t) })
	both.Wait()
	if errs[0] != nil {
		return a, b, errs[0]
	}
	return a, b, errs[1]
}

// openEnd connects to the server and opens a relay.
func (n *network) openEnd(ctx context.Context, t *target) (*relayEnd, error) {
	conn, err := n.dial(ctx, t)
	if err != nil {
		return nil, err
	}
	e := &relayEnd{conn: conn}
	e.client, err = turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: t.at.String(), Conn: conn, Username: t.username, Password: t.credential,
		LoggerFactory: pionlog.Factory{Log: n.config.Logger},
	})
	if err != nil {
		return e, err
	}
	e.reading.Go(e.read)
	e.relay, err = e.client.AllocateWithContext(ctx)
	if failure := e.failure.Load(); err != nil && failure != nil {
		err = *failure // that of the client is only the consequence
	}
	return e, err
}

// dial connects to the server by the protocol of its URL.
func (n *network) dial(ctx context.Context, t *target) (net.PacketConn, error) {
	if !t.at.IsValid() {
		return nil, errors.New("the name could not be resolved")
	}
	if t.protocol() == RelayUDP {
		conn, err := udpTo(ctx, t.at)
		if err != nil {
			return nil, err
		}
		return connected{conn}, nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.at.String())
	if err != nil {
		return nil, err
	}
	if t.protocol() == RelayTLS {
		secure := tls.Client(conn, n.tlsConfig(t.uri.Host))
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // the other error is the cause
			return nil, err
		}
		conn = secure
	}
	return turn.NewSTUNConn(conn), nil
}

// read hands what comes to the client, until the connection ends.
func (e *relayEnd) read() {
	buffer := make([]byte, maxPacket)
	for {
		n, from, err := e.conn.ReadFrom(buffer)
		if err != nil {
			e.failure.Store(&err)
			e.client.Close() // ends what waits for a response
			return
		}
		_, _ = e.client.HandleInbound(buffer[:n], from) // an error means that it is not for the client
	}
}

func (e *relayEnd) opened() bool { return e != nil && e.relay != nil }

// close ends the relay and the connection, and waits. It may be called on nil, and more than once.
func (e *relayEnd) close() {
	if e == nil {
		return
	}
	e.closing.Do(func() {
		if e.relay != nil {
			_ = e.relay.Close() // tells the server; without that, the relay ends with the credential
		}
		if e.client != nil {
			e.client.Close()
		}
		_ = e.conn.Close() // ends the reading
		e.reading.Wait()
	})
}
