package turnserver

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"callbox/internal/netaddr"
	"callbox/turnserver/datapath"
)

// accept accepts the connections of a listener until the server is closed.
func (s *Server) accept(ctx context.Context, l Listener) {
	log := s.log.With("protocol", string(l.Protocol))
	for {
		var conn net.Conn
		err := datapath.Retry(ctx.Done(), log, func() (err error) {
			conn, err = l.Accept()
			return err
		})
		if err != nil {
			return
		}
		if !s.takeMemory(conn, l.Protocol) {
			closeNow(conn)
			continue
		}
		displaced, ok := s.conns.admit(conn)
		if displaced != nil {
			closeNow(displaced)
		}
		if !ok {
			s.giveMemory(conn, l.Protocol)
			closeNow(conn)
			continue
		}
		s.work.Go(func() {
			defer s.giveMemory(conn, l.Protocol)
			defer s.conns.remove(conn)
			s.serveStream(ctx, conn, l.Protocol)
		})
	}
}

// serveStream serves one connection until it ends.
func (s *Server) serveStream(ctx context.Context, conn net.Conn, protocol Protocol) {
	defer closeNow(conn)
	if secure, ok := conn.(interface{ HandshakeContext(context.Context) error }); ok {
		deadline, cancel := context.WithTimeout(ctx, s.timeouts.handshake)
		err := secure.HandshakeContext(deadline)
		cancel()
		if err != nil {
			s.log.Debug("TLS handshake", "client", conn.RemoteAddr().String(), "err", err)
			return
		}
	}
	stream := newStream(conn, s.path.NewStream(), s.timeouts.stream)
	if s.memory != nil {
		stream.chargeTo(s.memory, clientKey(conn))
		defer stream.frames.free()
	}
	var writing sync.WaitGroup
	writing.Go(stream.writeQueued)
	defer writing.Wait()
	defer stream.Close()
	e, err := s.serve(stream, protocol, func(live bool) {
		stream.setLive(live)
		s.conns.setLive(conn, live)
	})
	if err != nil {
		s.log.Error("serve a TURN connection", "err", err)
		return
	}
	e.wait()
}

// connectionCost is what a connection takes from memory as long as it is open, in bytes: for
// buffers and the state of TLS.
func connectionCost(protocol Protocol) int {
	const plain, secure = 32 << 10, 64 << 10
	if protocol == TLS {
		return secure
	}
	return plain
}

// takeMemory takes memory for a connection. It returns false when there is none.
func (s *Server) takeMemory(conn net.Conn, protocol Protocol) bool {
	return s.memory == nil || s.memory.Take(clientKey(conn), connectionCost(protocol))
}

// giveMemory gives back what takeMemory took.
func (s *Server) giveMemory(conn net.Conn, protocol Protocol) {
	if s.memory != nil {
		s.memory.Give(clientKey(conn), connectionCost(protocol))
	}
}

// clientKey returns the address that a connection is counted for. It is invalid when the client
// has no TCP address.
func clientKey(conn net.Conn) netip.Addr {
	if _, ok := conn.RemoteAddr().(*net.TCPAddr); !ok {
		return netip.Addr{}
	}
	return netaddr.Client(netaddr.AddrPort(conn.RemoteAddr()).Addr())
}

// refreshInterfaceAddrs reads the addresses of the machine's interfaces again, every 15 s.
func (s *Server) refreshInterfaceAddrs(ctx context.Context) {
	const every = 15 * time.Second
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.policy.refresh(net.InterfaceAddrs)
		}
	}
}
