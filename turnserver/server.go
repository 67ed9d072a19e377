package turnserver

import (
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

	"callbox/internal/netaddr"
	"callbox/turnserver/datapath"
	"callbox/turnserver/limit"
)

// Server is a running STUN and TURN server.
type Server struct {
	log         *slog.Logger
	credentials credentials
	policy      *policy
	addresses   *relayAddresses
	registry    *registry
	limits      Limits
	memory      Memory // nil = no bound
	timeouts    serverTimeouts
	minLifetime time.Duration
	family      Family
	nonces      *nonces
	reserved    *reservations
	checkRate   int // CheckRate, except in tests
	discovery   *discovery

	path      *datapath.Path
	sockets   []*datapath.Socket
	bindings  []*datapath.Socket // of Config.BindingConns
	listeners []Listener
	cancel    context.CancelFunc
	work      sync.WaitGroup

	answers *limit.Sources // to unauthenticated requests

	authFailures, deniedPeers tally
	refusals                  refusals
	failedAllocations         atomic.Uint64
	loggedExhausted           atomic.Int64
	closing                   atomic.Bool // Close was called

	conns *connections

	mu     sync.Mutex
	closed bool
}

type serverTimeouts struct {
	handshake time.Duration
	stream    streamTimeouts
}

// New starts a server on the sockets of config, which it owns from then on. The error has all faults
// of config at once; then the sockets still belong to the caller. The caller ends with Close.
func New(config Config) (*Server, error) {
	return newServer(config, serverTimeouts{
		handshake: handshakeTimeout,
		stream:    streamTimeouts{first: firstMessageTimeout, idle: idleTimeout, write: writeTimeout},
	})
}

func newServer(config Config, timeouts serverTimeouts) (*Server, error) {
	err := config.normalize()
	addresses, addressErr := newRelayAddresses(&config)
	users, usersErr := newUserKeys(config.Users, config.Realm)
	if err = errors.Join(err, addressErr, usersErr); err != nil {
		return nil, err
	}
	s := &Server{
		log:         config.Logger,
		credentials: credentials{realm: config.Realm, now: config.Now},
		policy:      newPolicy(config.AllowPeers, config.DenyPeers, servingAddrs(&config)),
		addresses:   addresses,
		limits:      config.Limits,
		memory:      config.Memory,
		answers:     config.Limits.sources(),
		timeouts:    timeouts,
		minLifetime: config.MinLifetime,
		family:      config.DefaultFamily,
		nonces:      newNonces(config.Now),
		listeners:   config.Listeners,
		conns:       newConnections(config.Limits),
		checkRate:   CheckRate,
	}
	s.credentials.secrets.Store(&config.Secrets)
	s.credentials.users.Store(&users)
	s.registry = newRegistry(&s.limits)
	s.reserved = newReservations(s.registry.cancel)
	if s.path, err = s.newPath(&config); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	if err := s.listen(config.PacketConns, config.BindingConns); err != nil {
		return nil, fmt.Errorf("serve TURN: %w", errors.Join(err, s.Close(context.Background())))
	}
	for _, l := range s.listeners {
		s.work.Go(func() { s.accept(ctx, l) })
	}
	s.work.Go(func() { s.refreshInterfaceAddrs(ctx) })
	return s, nil
}

// newPath starts the data path with the policy and the limits of this server.
func (s *Server) newPath(config *Config) (*datapath.Path, error) {
	return datapath.New(datapath.Config{
		Denies: s.policy.denies, PolicyEpoch: &s.policy.epoch,
		Refused: func(r *datapath.Relay, peer netip.Addr, rule string) {
			if owner := s.registry.at(r.Relayed()); owner != nil {
				owner.logDenied(rule, peer)
			}
		},
		Unauthenticated: s.answers, Total: s.limits.totalBucket(),
		NoShortCut: config.NoShortCut, NoOffload: config.NoOffload, Logger: s.log,
	})
}

// listen starts to serve the clients of UDP sockets.
func (s *Server) listen(conns, bindings []net.PacketConn) error {
	for _, conn := range bindings {
		socket, err := s.path.BindingSocket(conn)
		if err != nil {
			return err
		}
		s.bindings = append(s.bindings, socket)
	}
	for _, conn := range conns {
		socket, err := s.path.Socket(conn)
		if err != nil {
			return err
		}
		s.sockets = append(s.sockets, socket)
	}
	s.discovery = newDiscovery(s.sockets, s.addresses)
	for _, socket := range s.sockets {
		e, err := s.serve(socket, UDP, nil)
		if err != nil {
			return err
		}
		s.discovery.attach(socket)
		s.work.Go(e.wait)
	}
	return nil
}

// uptime returns the time on the clock of the limits, in nanoseconds.
func (s *Server) uptime() int64 { return s.path.Now() }

// servingAddrs returns the addresses at which the server is reached.
func servingAddrs(c *Config) []netip.Addr {
	addrs := slices.Concat(c.RelayIPs, c.PublicIPs)
	for _, conn := range c.PacketConns {
		addrs = append(addrs, netaddr.AddrPort(conn.LocalAddr()).Addr())
	}
	for _, l := range c.Listeners {
		addrs = append(addrs, netaddr.AddrPort(l.Addr()).Addr())
	}
	return addrs
}

// Close closes every socket and ends every allocation. It returns when all goroutines of the server
// have ended, or with the cause of ctx when ctx ends first. Calls after the first only wait.
func (s *Server) Close(ctx context.Context) error {
	var errs []error
	s.closing.Store(true)
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	s.conns.close()
	s.cancel()
	s.reserved.close()
	if first {
		for _, l := range s.listeners {
			errs = append(errs, l.Close())
		}
		for _, socket := range slices.Concat(s.sockets, s.bindings) {
			socket.Close()
		}
	}
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		s.path.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("close TURN server: %w", context.Cause(ctx)))
	}
	return errors.Join(errs...)
}
