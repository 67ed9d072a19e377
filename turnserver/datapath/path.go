// Package datapath moves the packets of a TURN server: what clients send to
// peers and peers to clients, as ChannelData and in Send and Data indications,
// and the answers to plain Binding requests. All other messages of clients are
// control messages, which it hands over, and whose outcome (relays, permissions,
// channels) it is told.
//
// On Linux the sockets belong to engines: goroutines that each wait for many
// sockets at once, receive and send many datagrams with one call, and let the
// kernel join and split them. Elsewhere, and for sockets that are not the
// kernel's, each socket has a goroutine. Both decide by the same functions.
package datapath

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"callbox/turnserver/limit"
)

// Config is what a Path is made of. The zero Config relays to and from
// everywhere, without a limit.
type Config struct {
	// Engines is how many goroutines share the work on Linux; 0 = GOMAXPROCS, without
	// what other Paths have added to it.
	Engines int
	// Denies returns the name of the rule that refuses a peer, "" when none
	// does; nil = none. A peer that is a live relay of the same Path is not
	// asked for. It is called for every packet and must not block.
	Denies func(peer netip.Addr) string
	// PolicyEpoch is changed by the caller whenever Denies may answer otherwise
	// than before. Nil = it may at any time.
	PolicyEpoch *atomic.Uint64
	// Refused is told of each packet to or from a peer that Denies refuses; nil
	// = nobody. It must not block.
	Refused func(r *Relay, peer netip.Addr, rule string)
	// Unauthenticated limits the answers to Binding requests; nil = no limit.
	Unauthenticated *limit.Sources
	// Total limits the bytes of all relays, in both directions; nil = no limit.
	Total *limit.Bucket
	// Portable keeps to what every system has. NoShortCut sends also to relays
	// of the same server by way of the kernel. NoOffload has the kernel join and
	// split no datagrams.
	Portable, NoShortCut, NoOffload bool
	Logger                          *slog.Logger // nil = discard
}

// Path is the data path of one server.
type Path struct {
	config  Config
	log     *slog.Logger
	began   time.Time
	engines []*engine
	turns   atomic.Uint32
	spare   spare

	outboxes sync.Pool     // lent to who reads from streams
	streamed atomic.Uint64 // how often one has read

	// relayed and bound find the live relays by the address that peers know and
	// by the one their socket is bound to; epoch changes when they do.
	relayed, bound *table[Relay]
	epoch          atomic.Uint64

	stats   counters
	closing chan struct{}
	work    sync.WaitGroup // sockets and relays, each until its socket is closed

	mu        sync.Mutex
	closed    bool
	sockets   map[*Socket]struct{}
	relays    map[*Relay]struct{}
	ended     Traffic
	overflows uint64 // of sockets that are closed
}

// New starts a data path. The caller closes it.
func New(config Config) (*Path, error) {
	if config.Engines < 0 {
		return nil, errors.New("negative number of engines")
	}
	if config.Engines == 0 {
		config.Engines = ownProcessors()
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Denies == nil {
		config.Denies = func(netip.Addr) string { return "" }
	}
	if config.Refused == nil {
		config.Refused = func(*Relay, netip.Addr, string) {}
	}
	p := &Path{
		config: config, log: config.Logger, began: time.Now(), closing: make(chan struct{}),
		relayed: newTable[Relay](), bound: newTable[Relay](),
		sockets: map[*Socket]struct{}{}, relays: map[*Relay]struct{}{},
	}
	if !config.Portable {
		if err := p.startEngines(); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

// Close closes every socket and relay, and returns when all is closed and every
// goroutine of the path has ended.
func (p *Path) Close() {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	sockets, relays := keys(p.sockets), keys(p.relays)
	p.mu.Unlock()
	if first {
		close(p.closing)
	}
	for _, s := range sockets {
		s.Close()
	}
	for _, r := range relays {
		r.Close()
	}
	for _, e := range p.engines {
		e.stop()
	}
	p.spare.remove()
	p.work.Wait()
}

func keys[K comparable](set map[K]struct{}) []K {
	list := make([]K, 0, len(set))
	for key := range set {
		list = append(list, key)
	}
	return list
}

// nextEngine spreads sockets over the engines; nil when there are none.
func (p *Path) nextEngine() *engine {
	if len(p.engines) == 0 {
		return nil
	}
	return p.engines[(p.turns.Add(1)-1)%uint32(len(p.engines))] //nolint:gosec // a handful
}

// policyEpoch is a value that stays while Denies' answers do; not ok when they
// may change at any time.
func (p *Path) policyEpoch() (epoch uint64, ok bool) {
	if p.config.PolicyEpoch == nil {
		return 0, false
	}
	return p.config.PolicyEpoch.Load(), true
}

// openPort makes a socket ours: the kernel's belong to an engine, if there is
// one, and all others are read by a goroutine.
func (p *Path) openPort(conn net.PacketConn, e *engine, buffer int) (port, *engine, error) {
	if udp, ok := conn.(*net.UDPConn); ok && e != nil {
		d, err := e.take(udp, buffer)
		if err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
		return d, e, nil
	}
	return newPortable(p, conn, buffer), nil, nil
}
