package signaling

import (
	"net"
	"syscall"
	"testing"
)

func TestConnectionsAreBound(t *testing.T) {
	t.Run("by their listener", func(t *testing.T) { connectionIsBound(t, false) })
	t.Run("each", func(t *testing.T) { connectionIsBound(t, true) })
}

func connectionIsBound(t *testing.T, multipath bool) {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(multipath)
	inner, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewListener(inner)
	defer func() { _ = l.Close() }()
	var dialer net.Dialer
	client, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	bounded, ok := conn.(*boundedConn)
	if !ok {
		t.Fatalf("the connection is a %T", conn)
	}
	if s := newStream(conn); s != stream(bounded.raw) {
		t.Errorf("without TLS the stream is a %T", s)
	}
	var got int
	if err := bounded.raw.Control(func(fd uintptr) {
		got, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout)
	}); err != nil {
		t.Fatal(err)
	}
	if err != nil || got != int(unackedWait.Milliseconds()) {
		t.Errorf("TCP_USER_TIMEOUT is %d ms, %v", got, err)
	}
}
