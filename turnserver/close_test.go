package turnserver_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	"callbox/turnserver"
)

// Close does not wait for slow clients.
func TestCloseEndsEveryConnection(t *testing.T) {
	s := &setup{tcp: listenTCP(t)}
	certificate, _ := certificate(t)
	s.tls = tls.NewListener(listenTCP(t), &tls.Config{Certificates: []tls.Certificate{certificate}})
	config := turnserver.Config{Secrets: [][]byte{testSecret()}, RelayIPs: loopback()}
	config.Listeners = []turnserver.Listener{{Listener: s.tcp, Protocol: turnserver.TCP}, {Listener: s.tls, Protocol: turnserver.TLS}}
	var err error
	if s.server, err = turnserver.NewWithTimeouts(config, time.Hour, time.Hour, time.Hour, time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, l := range []net.Listener{s.tcp, s.tls} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	s.rawTCP(t, "ann").allocate(t)
	eventually(t, "all are open", func() bool { return s.server.Snapshot().Connections == 3 })
	closeServer(t, s.server)
	if got := s.server.Snapshot(); got.Connections != 0 || got.Active != 0 {
		t.Errorf("after Close: %+v", got)
	}
}

// stuckConn does not end when it is closed.
type stuckConn struct {
	net.PacketConn
	release chan struct{}
}

func (c *stuckConn) ReadFrom([]byte) (int, net.Addr, error) {
	<-c.release
	return 0, nil, net.ErrClosed
}

func TestCloseEndsWithItsContext(t *testing.T) {
	conn := &stuckConn{PacketConn: listenUDP(t, "127.0.0.1:0"), release: make(chan struct{})}
	s, err := turnserver.New(turnserver.Config{Secrets: [][]byte{testSecret()}, RelayIPs: loopback(), PacketConns: []net.PacketConn{conn}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("no more time")
	cancel(cause)
	if err := s.Close(ctx); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
	close(conn.release)
	closeServer(t, s)
}
