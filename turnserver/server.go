package turnserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Server is a running STUN and TURN server.
type Server struct {
	log         *slog.Logger
	credentials credentials
	policy      *policy
	addresses   *relayAddresses
	relays      *registry
	limits      Limits
	timeouts    serverTimeouts

	packetConns []net.PacketConn
	listeners   []Listener
	cancel      context.CancelFunc
	work        sync.WaitGroup

	authFailures, deniedPeers, deniedPackets, failedAllocations atomic.Uint64
	toldExhausted                                               atomic.Int64

	mu                 sync.Mutex
	closed             bool
	conns              map[net.Conn]struct{}
	connsOf            map[netip.Addr]int
	refusedConnections uint64
}

type serverTimeouts struct {
	handshake time.Duration
	stream    streamTimeouts
}

// Snapshot holds the totals since the start, and what lives now.
type Snapshot struct {
	// Created and Ended count allocations; Active are live.
	Created, Ended uint64
	Active         int
	// FailedAllocations could not be made for want of a port or socket.
	FailedAllocations uint64
	// AuthFailures counts requests with a credential that was not accepted.
	AuthFailures uint64
	// DeniedPeers counts permissions and channels refused by policy,
	// DeniedPackets datagrams from and to peers that policy forbids.
	DeniedPeers, DeniedPackets uint64
	// Connections are open TCP and TLS connections, RefusedConnections those
	// closed because their address had too many.
	Connections        int
	RefusedConnections uint64
	// ToPeers and FromPeers are what was relayed for clients and to them.
	ToPeers, FromPeers Traffic
}

// New starts a server on the sockets of config, which it owns from then on.
// Faults of config are told all at once, and leave the sockets to the caller.
func New(config Config) (*Server, error) {
	return newServer(config, serverTimeouts{
		handshake: handshakeTimeout,
		stream:    streamTimeouts{first: firstMessageTimeout, idle: idleTimeout, write: writeTimeout},
	})
}

func newServer(config Config, timeouts serverTimeouts) (*Server, error) {
	err := config.normalize()
	addresses, addressErr := newRelayAddresses(&config)
	if err = errors.Join(err, addressErr); err != nil {
		return nil, err
	}
	s := &Server{
		log:         config.Logger,
		credentials: credentials{realm: config.Realm, now: config.Now},
		policy:      newPolicy(config.AllowPeers, config.DenyPeers, servingAddrs(&config)),
		addresses:   addresses,
		limits:      config.Limits,
		timeouts:    timeouts,
		packetConns: config.PacketConns,
		listeners:   config.Listeners,
		conns:       map[net.Conn]struct{}{},
		connsOf:     map[netip.Addr]int{},
	}
	s.credentials.secrets.Store(&config.Secrets)
	s.relays = newRegistry(&s.limits)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	for _, conn := range s.packetConns {
		e, err := s.serve(newPacketConn(conn, ctx.Done(), s.log), UDP, nil)
		if err != nil {
			return nil, fmt.Errorf("serve TURN: %w", errors.Join(err, s.Close(context.Background())))
		}
		s.work.Go(e.wait)
	}
	for _, l := range s.listeners {
		s.work.Go(func() { s.accept(ctx, l) })
	}
	s.work.Go(func() { s.refreshOwn(ctx) })
	return s, nil
}

// servingAddrs are the addresses that the server is reached at.
func servingAddrs(c *Config) []netip.Addr {
	addrs := slices.Concat(c.RelayIPs, c.PublicIPs)
	for _, conn := range c.PacketConns {
		addrs = append(addrs, addrPort(conn.LocalAddr()).Addr())
	}
	for _, l := range c.Listeners {
		addrs = append(addrs, addrPort(l.Addr()).Addr())
	}
	return addrs
}

// Allocations returns the live allocations, oldest first.
func (s *Server) Allocations() []Allocation {
	live := s.relays.allocations()
	slices.SortFunc(live, func(a, b Allocation) int {
		return cmp.Or(a.Since.Compare(b.Since), a.Relayed.Compare(b.Relayed))
	})
	return live
}

// Snapshot returns the server's counters.
func (s *Server) Snapshot() Snapshot {
	snapshot := Snapshot{
		FailedAllocations: s.failedAllocations.Load(), AuthFailures: s.authFailures.Load(),
		DeniedPeers: s.deniedPeers.Load(), DeniedPackets: s.deniedPackets.Load(),
	}
	s.relays.fill(&snapshot)
	s.mu.Lock()
	defer s.mu.Unlock()
	snapshot.Connections, snapshot.RefusedConnections = len(s.conns), s.refusedConnections
	return snapshot
}

// Close closes every socket and ends every allocation. It returns when all of
// the server's goroutines have ended, or with ctx's cause when ctx ends first.
// Calls after the first only wait.
func (s *Server) Close(ctx context.Context) error {
	var errs []error
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	for conn := range s.conns {
		closeNow(conn)
	}
	s.mu.Unlock()
	s.cancel()
	if first {
		for _, l := range s.listeners {
			errs = append(errs, l.Close())
		}
		for _, conn := range s.packetConns {
			errs = append(errs, conn.Close())
		}
	}
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("close TURN server: %w", context.Cause(ctx)))
	}
	return errors.Join(errs...)
}
