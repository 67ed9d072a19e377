package turnserver_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// faults returns errors before every success.
type faults struct{ calls atomic.Int64 }

func (f *faults) next() error {
	switch f.calls.Add(1) % 4 {
	case 1:
		return &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	case 2:
		return &net.OpError{Op: "read", Err: os.NewSyscallError("recvfrom", syscall.ENOBUFS)}
	case 3:
		return &net.OpError{Op: "read", Err: os.NewSyscallError("recvfrom", syscall.ECONNREFUSED)}
	default:
		return nil
	}
}

type faultyPacketConn struct {
	net.PacketConn
	faults faults
}

func (c *faultyPacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	if err := c.faults.next(); err != nil {
		return 0, nil, err
	}
	return c.PacketConn.ReadFrom(p)
}

type faultyListener struct {
	net.Listener
	faults faults
}

func (l *faultyListener) Accept() (net.Conn, error) {
	if err := l.faults.next(); err != nil {
		return nil, err
	}
	return l.Listener.Accept()
}

// Errors of sockets, including those of relays, end nothing.
func TestErrorsArePassedOver(t *testing.T) {
	var sockets []*faultyPacketConn
	var listener *faultyListener
	s := start(t, func(c *turnserver.Config) {
		allowLoopback(c)
		sockets = append(sockets, &faultyPacketConn{PacketConn: c.PacketConns[0]})
		c.PacketConns[0] = sockets[0]
		listener = &faultyListener{Listener: c.Listeners[0].Listener}
		c.Listeners[0].Listener = listener
		c.ListenPacket = func(network, address string) (net.PacketConn, error) {
			conn, err := net.ListenPacket(network, address)
			sockets = append(sockets, &faultyPacketConn{PacketConn: conn})
			return sockets[len(sockets)-1], err
		}
	})
	for _, protocol := range []turnserver.Protocol{turnserver.UDP, turnserver.TCP} {
		relay := allocate(t, s.client(t, protocol, "ann"))
		peer := listenUDP(t, "127.0.0.1:0")
		for range 5 {
			exchange(t, relay, peer, []byte("there"))
			exchange(t, peer, relay, []byte("and back"))
		}
	}
	for i, socket := range sockets {
		if calls := socket.faults.calls.Load(); calls < 8 {
			t.Errorf("socket %d was read %d times", i, calls)
		}
	}
	if calls := listener.faults.calls.Load(); calls < 4 {
		t.Errorf("%d accepts", calls)
	}
}

func TestNoSocketForARelay(t *testing.T) {
	var broken atomic.Bool
	s := start(t, func(c *turnserver.Config) {
		c.RelayPorts = turnserver.PortRange{Min: 1, Max: 1}
		c.ListenPacket = func(network, _ string) (net.PacketConn, error) {
			if broken.Load() {
				return nil, os.NewSyscallError("socket", syscall.EMFILE)
			}
			return net.ListenPacket(network, "127.0.0.1:0")
		}
	})
	first, second := s.rawAs(t, "ann"), s.rawAs(t, "bo")
	broken.Store(true)
	first.wantCode(t, first.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeInsufficientCapacity)
	broken.Store(false)
	first.allocate(t)
	second.wantCode(t, second.request(t, stun.MethodAllocate, requestedTransport(17)), stun.CodeInsufficientCapacity)
	if got := s.server.Snapshot(); got.FailedAllocations != 2 || got.Created != 1 {
		t.Errorf("snapshot %+v", got)
	}
	wantSuccess(t, first.request(t, stun.MethodRefresh, lifetime(0)))
	eventually(t, "the allocation ends", func() bool { return s.server.Snapshot().Active == 0 })
	second.allocate(t)
}

// lingeringConn learns late that it was closed.
type lingeringConn struct {
	net.PacketConn
	heard chan struct{}
}

func (c *lingeringConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, addr, err := c.PacketConn.ReadFrom(p)
	if err != nil {
		<-c.heard
	}
	return n, addr, err
}

// An allocation that ends late does not end the next one of its client.
func TestNextAllocationLives(t *testing.T) {
	heard := make(chan struct{})
	s := start(t, func(c *turnserver.Config) {
		c.ListenPacket = func(network, address string) (net.PacketConn, error) {
			conn, err := net.ListenPacket(network, address)
			return &lingeringConn{conn, heard}, err
		}
	})
	c := s.rawAs(t, "ann")
	for range 8 {
		c.allocate(t)
		wantSuccess(t, c.request(t, stun.MethodRefresh, lifetime(0)))
	}
	c.allocate(t)
	goroutines := runtime.NumGoroutine()
	close(heard)
	eventually(t, "the eight are gone", func() bool { return runtime.NumGoroutine() <= goroutines-8 })
	wantSuccess(t, c.request(t, stun.MethodRefresh))
	if got := s.server.Snapshot(); got.Active != 1 || got.Created != 9 || got.Ended != 8 {
		t.Errorf("snapshot %+v", got)
	}
}

// Clients that begin a handshake or a message and send no more delay nobody, and are disconnected in the
// end.
func TestHalfOpenConnections(t *testing.T) {
	s := &setup{udp: listenUDP(t, "127.0.0.1:0"), tcp: listenTCP(t)}
	certificate, roots := certificate(t)
	s.roots, s.tls = roots, tls.NewListener(listenTCP(t), &tls.Config{Certificates: []tls.Certificate{certificate}})
	config := turnserver.Config{
		Secrets: [][]byte{testSecret()}, RelayIPs: loopback(),
		Listeners: []turnserver.Listener{{Listener: s.tcp, Protocol: turnserver.TCP}, {Listener: s.tls, Protocol: turnserver.TLS}},
	}
	const short = 300 * time.Millisecond
	var err error
	if s.server, err = turnserver.NewWithTimeouts(config, short, short, time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s.server) })
	var stalled []net.Conn
	for _, address := range []string{s.tls.Addr().String(), s.tcp.Addr().String()} {
		for _, opening := range []string{"", "\x16\x03\x01\x02\x00", "\x00\x01"} {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			if _, err := conn.Write([]byte(opening)); err != nil {
				t.Fatal(err)
			}
			stalled = append(stalled, conn)
		}
	}
	allocate(t, s.client(t, turnserver.TLS, "ann"))
	allocate(t, s.client(t, turnserver.TCP, "bo"))
	for i, conn := range stalled {
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("connection %d is still open", i)
		}
	}
	eventually(t, "only the two are left", func() bool { return s.server.Snapshot().Connections == 2 })
}

// A client that stops reading loses its connection, and nobody waits meanwhile.
func TestStalledClient(t *testing.T) {
	s := &setup{udp: listenUDP(t, "127.0.0.1:0"), tcp: listenTCP(t)}
	config := turnserver.Config{Secrets: [][]byte{testSecret()}, RelayIPs: loopback(), PacketConns: []net.PacketConn{s.udp}}
	config.Listeners = []turnserver.Listener{{Listener: smallBuffers{s.tcp}, Protocol: turnserver.TCP}}
	allowLoopback(&config)
	var err error
	if s.server, err = turnserver.NewWithTimeouts(config, time.Minute, time.Minute, time.Minute, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s.server) })

	stalled := s.rawTCP(t, "stalled")
	relayed := net.UDPAddrFromAddrPort(stalled.allocate(t))
	flood := listenUDP(t, "127.0.0.1:0")
	stalled.bind(t, 0x4000, xorPeer{addrPortOf(flood.LocalAddr())})

	tcp, udp := allocate(t, s.client(t, turnserver.TCP, "ann")), allocate(t, s.client(t, turnserver.UDP, "bo"))
	peer := listenUDP(t, "127.0.0.1:0")
	payload := make([]byte, 1400)
	eventually(t, "the stalled client is left", func() bool {
		for range 20 {
			if _, err := flood.WriteTo(payload, relayed); err != nil {
				t.Fatal(err)
			}
		}
		for _, relay := range []net.PacketConn{tcp, udp} {
			exchange(t, relay, peer, []byte("others go on"))
			exchange(t, peer, relay, []byte("both ways"))
		}
		return s.server.Snapshot().Active == 2
	})
}

func TestConnectionsOfOneAddress(t *testing.T) {
	s := start(t, func(c *turnserver.Config) { c.Limits.AddressConnections = 2 })
	open := func() net.Conn {
		conn, err := net.Dial("tcp", s.tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	first := open()
	open()
	eventually(t, "two are open", func() bool { return s.server.Snapshot().Connections == 2 })
	third := open()
	if err := third.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := third.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the third connection: %v", err)
	}
	first.Close()
	eventually(t, "one is left", func() bool { return s.server.Snapshot().Connections == 1 })
	allocate(t, s.client(t, turnserver.TCP, "ann"))
	if got := s.server.Snapshot().RefusedConnections; got != 1 {
		t.Errorf("%d refused, want 1", got)
	}
}

// When there are too many connections in all, those without an allocation make room, of the address that
// has most of them.
func TestConnectionsOfAll(t *testing.T) {
	s := start(t, func(c *turnserver.Config) {
		allowLoopback(c)
		c.Limits.TotalConnections = 4
	})
	open := func(from string) net.Conn {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := dialer.DialContext(t.Context(), "tcp", s.tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	wantClosed := func(conn net.Conn) {
		t.Helper()
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection from %v: %v, want it closed", conn.LocalAddr(), err)
		}
	}
	allocate(t, s.client(t, turnserver.TCP, "ann"))
	var others []net.Conn
	for i := range 3 {
		others = append(others, open("127.0.0.2"))
		eventually(t, "it is open", func() bool { return s.server.Snapshot().Connections == i+2 })
	}
	allocate(t, s.client(t, turnserver.TCP, "bo"))
	wantClosed(others[0])
	third, fourth := open("127.0.0.3"), open("127.0.0.4")
	wantClosed(others[1])
	wantClosed(others[2])
	again := open("127.0.0.3") // everybody has one: in the place of one's own
	wantClosed(third)
	allocate(t, s.client(t, turnserver.TCP, "ann")) // whose address has relays, and nothing idle
	wantClosed(fourth)
	allocate(t, s.client(t, turnserver.TCP, "bo"))
	wantClosed(again)
	wantClosed(open("127.0.0.5"))
	if got := s.server.Snapshot(); got.Active != 4 || got.DisplacedConnections != 6 || got.RefusedConnections != 1 {
		t.Errorf("%d relays, %d displaced, %d refused", got.Active, got.DisplacedConnections, got.RefusedConnections)
	}
}

// Nothing is left of allocations that have ended, and of a closed server.
func TestNothingLeaks(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	s := start(t, nil)
	c := s.rawAs(t, "ann")
	idle, idleFiles := runtime.NumGoroutine(), openFiles(t)
	for range 300 {
		c.allocate(t)
		wantSuccess(t, c.request(t, stun.MethodRefresh, lifetime(0)))
	}
	eventually(t, "goroutines and files are as before", func() bool {
		return runtime.NumGoroutine() <= idle && openFiles(t) <= idleFiles
	})
	if got := s.server.Snapshot(); got.Created != 300 || got.Ended != 300 || got.Active != 0 {
		t.Errorf("snapshot %+v", got)
	}
	for range 50 {
		tcp := s.rawTCP(t, "bo")
		tcp.allocate(t)
		tcp.conn.Close()
	}
	eventually(t, "connections that broke take their allocations along", func() bool {
		got := s.server.Snapshot()
		return got.Active == 0 && got.Connections == 0 && got.Created == 350 && runtime.NumGoroutine() <= idle && openFiles(t) <= idleFiles
	})
	for range 3 {
		s.rawTCP(t, "cy").allocate(t)
	}
	c.allocate(t)
	closeServer(t, s.server)
	if got := s.server.Snapshot(); got.Active != 0 || got.Ended != 354 || got.Connections != 0 {
		t.Errorf("after Close: %+v", got)
	}
	closeServer(t, s.server) // once more is no error
	eventually(t, "no goroutine of the server is left", func() bool { return runtime.NumGoroutine() <= goroutines })
	c.conn.Close()
	if got := openFiles(t); got > files+3 { // the clients' own three
		t.Errorf("%d files are open, %d were before", got, files)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
