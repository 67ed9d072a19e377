package datapath_test

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"callbox/turnserver/datapath"
)

// In whatever order things end, everything ends and nothing is left.
func TestCloseInAnyOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		goroutines, files := runtime.NumGoroutine(), openFiles(t)
		for _, first := range []string{"path", "socket", "relays", "path twice"} {
			path, err := datapath.New(config)
			if err != nil {
				t.Fatal(err)
			}
			s := &server{path: path, socket: listenOn(t, path, "127.0.0.1:0")}
			var closed atomic.Int32
			var clients []*party
			for range 3 {
				clients = append(clients, s.partyWith(t, "127.0.0.1:0", datapath.RelayConfig{Closed: func() { closed.Add(1) }}))
			}
			unstarted, err := path.Open(s.socket.Client(clients[0].addr, netip.Addr{}), dial(t, "127.0.0.1:0").UDPConn,
				datapath.RelayConfig{Closed: func() { closed.Add(1) }})
			if err != nil {
				t.Fatal(err)
			}
			switch first {
			case "socket":
				s.socket.Close()
			case "relays":
				for _, c := range append(clients, &party{relay: unstarted}) {
					c.relay.Close()
				}
				eventually(t, "the relays are closed", func() bool { return closed.Load() == 4 })
			case "path twice":
				go path.Close()
			}
			path.Close()
			if n := closed.Load(); n != 4 {
				t.Errorf("%s first: %d relays were told that they are closed", first, n)
			}
			if _, _, _, err := s.socket.ReadControl(nil); !errors.Is(err, net.ErrClosed) {
				t.Errorf("ReadControl: %v", err)
			}
			if err := s.socket.WriteTo([]byte("late"), clients[0].addr, netip.Addr{}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("WriteTo: %v", err)
			}
			if err := unstarted.Start(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Start: %v", err)
			}
			if _, err := path.Socket(dial(t, "127.0.0.1:0").UDPConn); err == nil {
				t.Error("a closed path takes a socket")
			}
			for _, c := range clients {
				_ = c.Close() // only to have the descriptor back
			}
		}
		eventually(t, "nothing is left", func() bool { return runtime.NumGoroutine() <= goroutines && openFiles(t) <= files })
	})
}

// The port of a relay is free when Closed is called, even under load.
func TestPortsAreFreeAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		c, flood := dial(t, "127.0.0.1:0"), dial(t, "127.0.0.1:0")
		stop := make(chan struct{})
		var work sync.WaitGroup
		defer work.Wait()
		defer close(stop)
		var to atomic.Pointer[netip.AddrPort]
		work.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if addr := to.Load(); addr != nil {
					_, _ = flood.WriteToUDPAddrPort([]byte("flood"), *addr)
				}
				runtime.Gosched()
			}
		})
		address := "127.0.0.1:0"
		for range 50 {
			conn, err := net.ListenPacket("udp4", address)
			if err != nil {
				t.Fatal(err)
			}
			at := addrPort(conn.LocalAddr())
			address = at.String()
			closed := make(chan struct{})
			r, err := s.path.Open(s.socket.Client(c.addr, netip.Addr{}), conn, datapath.RelayConfig{Relayed: at, Bound: at, Closed: func() { close(closed) }})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			r.Permit(flood.addr.Addr(), true)
			bind(r, 0x4000, flood.addr)
			to.Store(&at)
			c.receive(t)
			r.Close()
			<-closed
		}
	})
}
