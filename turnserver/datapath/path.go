// Package datapath moves the packets of a TURN server: it relays what clients send to peers
// and peers to clients, as ChannelData and in Send and Data indications, and answers plain
// Binding requests. All other messages of clients are control messages. Its user reads them
// with ReadControl, answers them, and calls the methods of Path and Relay for what comes of
// them: relays, permissions and channels.
//
// On Linux the sockets belong to engines: goroutines that each wait for many sockets at
// once, receive and send many datagrams with one system call, and let the kernel coalesce
// and split them. On other systems, and for a net.PacketConn that is not a *net.UDPConn,
// each socket has a goroutine. Both take their decisions in the same functions.
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

// Config configures a Path. The zero Config relays from and to any address, without limits.
type Config struct {
	// Engines is how many goroutines share the work on Linux; 0 = GOMAXPROCS, not counting
	// what other Paths have added to it.
	Engines int
	// Denies returns the name of the rule that denies a peer, or "" when none does; nil
	// denies nobody. It is not called for a peer that is a live relay of the same Path. It
	// may be called for every packet and must not block.
	Denies func(peer netip.Addr) string
	// PolicyEpoch is changed by the caller whenever Denies may return something other
	// than before; nil = Denies is called for every packet.
	PolicyEpoch *atomic.Uint64
	// Refused, if not nil, is called for each packet to or from a peer that Denies denies.
	// It must not block.
	Refused func(r *Relay, peer netip.Addr, rule string)
	// Unauthenticated limits how many Binding requests are answered; nil = no limit.
	Unauthenticated *limit.Sources
	// Total limits the bytes of all relays, in both directions; nil = no limit.
	Total *limit.Bucket
	// Portable uses no engines, only what every system has. NoShortCut sends datagrams
	// between relays of the same server through the kernel. NoOffload does not let the
	// kernel coalesce and split datagrams (UDP_GRO, UDP_SEGMENT).
	Portable, NoShortCut, NoOffload bool
	Logger                          *slog.Logger // nil = discard
}

// Path is the data path of one server.
type Path struct {
	config     Config
	log        *slog.Logger
	started    time.Time
	engines    []*engine
	nextTurn   atomic.Uint32
	extraProcs extraProcs

	outboxes    sync.Pool     // lent to the readers of streams
	streamReads atomic.Uint64 // how often a stream was read

	// relayed and bound have the live relays by the address that peers know and by the
	// address that the socket is bound to; epoch changes when they do.
	byRelayed, byBound *table[Relay]
	epoch              atomic.Uint64

	stats   counters
	closing chan struct{}
	work    sync.WaitGroup // sockets and relays, until they are closed

	mu           sync.Mutex
	closed       bool
	sockets      map[*Socket]struct{}
	relays       map[*Relay]struct{}
	endedTraffic Traffic
	overflows    uint64 // of sockets that are closed
}

// New starts a data path. The caller closes it.
func New(config Config) (*Path, error) {
	if config.Engines < 0 {
		return nil, errors.New("negative number of engines")
	}
	if config.Engines == 0 {
		config.Engines = ownProcs()
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
		config: config, log: config.Logger, started: time.Now(), closing: make(chan struct{}),
		byRelayed: newTable[Relay](), byBound: newTable[Relay](),
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

// Close closes every socket and relay, and returns when they are closed and every goroutine
// of the path has ended.
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
	p.extraProcs.remove()
	p.work.Wait()
}

func keys[K comparable](set map[K]struct{}) []K {
	list := make([]K, 0, len(set))
	for key := range set {
		list = append(list, key)
	}
	return list
}

// nextEngine returns the engines in turn, to spread sockets over them; nil without engines.
func (p *Path) nextEngine() *engine {
	if len(p.engines) == 0 {
		return nil
	}
	return p.engines[(p.nextTurn.Add(1)-1)%uint32(len(p.engines))] //nolint:gosec // a handful
}

// policyEpoch returns a value that stays the same as long as the answers of Denies do; ok is
// false when they may change at any time.
func (p *Path) policyEpoch() (epoch uint64, ok bool) {
	if p.config.PolicyEpoch == nil {
		return 0, false
	}
	return p.config.PolicyEpoch.Load(), true
}

// openConn takes a socket over, which it closes also on an error. A *net.UDPConn is read by
// the engine e, if that is not nil, and every other socket by a goroutine of its own.
func (p *Path) openConn(conn net.PacketConn, e *engine, buffer int) (packetConn, *engine, error) {
	if udp, ok := conn.(*net.UDPConn); ok && e != nil {
		d, err := e.newDescriptor(udp, buffer)
		if err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
		return d, e, nil
	}
	return newPortableConn(p, conn, buffer), nil, nil
}
