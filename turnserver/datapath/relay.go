package datapath

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"callbox/internal/netaddr"
	"callbox/turnserver/limit"
)

// relayBuffer is the size of the receive buffer, in bytes, that the kernel is asked for, for
// each relay: a burst of video must not be lost while the engine is busy elsewhere.
const relayBuffer = 1 << 20

// RelayConfig configures a relay.
type RelayConfig struct {
	// Relayed is the address that peers send to, Bound the one that the socket is bound
	// to: they are the same unless there is a NAT in between.
	Relayed, Bound netip.AddrPort
	// UserLimit limits the bytes of the relay's user, in both directions together; nil = no
	// limit. Several relays may share it.
	UserLimit *limit.Bucket
	// Group, if not nil, is what the relay belongs to.
	Group *Group
	// Closed, if not nil, is called once the relay's socket is closed and its port is free
	// again. It must not block.
	Closed func()
}

// packetConn is a socket of the path.
type packetConn interface {
	// send may be called from any goroutine, and never waits.
	send(to *destination, head, body []byte, padding int) Drop
	destination(addr netip.AddrPort, from netip.Addr) destination
	// start passes what is received to its owner from now on.
	start(owner) error
	// close closes the socket as soon as nobody uses it any more, and calls closed then.
	close(closed func())
	setDontFragment(on bool) error
	// measure updates what overflows returns: how many datagrams the kernel has dropped
	// because the receive buffer was full.
	measure()
	overflows() uint64
}

// owner is what a packetConn receives for: one of the two.
type owner struct {
	socket *Socket
	relay  *Relay
}

// Relay is the socket of one allocation, with the permissions and channels of its client.
// All methods are safe for concurrent use.
type Relay struct {
	path           *Path
	client         Client
	relayed, bound netip.AddrPort
	userLimit      *limit.Bucket
	group          *Group // nil = none
	conn           packetConn
	onClosed       func()

	rights             atomic.Pointer[rights]
	toPeers, fromPeers meter

	// sendRoute is the route of the latest Send indication. It belongs to the goroutine
	// that reads from the client. lastPeer is the check of the latest datagram from a peer, and
	// belongs to the goroutine that reads from peers.
	sendRoute route
	lastPeer  peerCheck

	mu    sync.Mutex
	state relayState
}

type relayState uint8

const (
	relayOpen relayState = iota
	relayLive
	relayClosed
)

// Open makes a relay of a bound socket, which it takes over and closes also on an error.
// Nothing is relayed before Start. The caller ends with Close.
func (p *Path) Open(client Client, udp net.PacketConn, c RelayConfig) (*Relay, error) {
	e := client.engine()
	if e == nil {
		e = p.nextEngine()
	}
	conn, _, err := p.openConn(udp, e, relayBuffer)
	if err != nil {
		return nil, err
	}
	r := &Relay{
		path: p, client: client, conn: conn, userLimit: c.UserLimit, group: c.Group, onClosed: c.Closed,
		relayed: netaddr.Unmap(c.Relayed), bound: netaddr.Unmap(c.Bound),
	}
	r.rights.Store(&rights{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		conn.close(func() {})
		return nil, net.ErrClosed
	}
	p.relays[r] = struct{}{}
	p.work.Add(1)
	return r, nil
}

// Start begins to relay. On an error, which comes from the kernel, the caller closes the
// relay.
func (r *Relay) Start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != relayOpen {
		return net.ErrClosed
	}
	if err := r.conn.start(owner{relay: r}); err != nil {
		return err
	}
	r.state = relayLive
	r.path.byRelayed.put(r.relayed, r)
	r.path.byBound.put(r.bound, r)
	r.client.attach(r)
	r.path.epoch.Add(1)
	return nil
}

// Permit adds a permission for the IP address of a peer, or removes it (RFC 8656 section 9).
func (r *Relay) Permit(peer netip.Addr, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rights.Store(r.rights.Load().withPermission(peer.Unmap(), on))
}

// Bind binds a channel to a peer, or removes the binding (RFC 8656 section 12). It adds no
// permission. Until Announce, only what the client sends uses the channel.
func (r *Relay) Bind(number uint16, peer netip.AddrPort, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rights.Store(r.rights.Load().withChannel(number, netaddr.Unmap(peer), on))
}

// Announce lets what the peer of a channel sends use the channel, too. The caller must have
// answered the ChannelBind request before: a client may discard ChannelData in a channel
// that it does not know to be bound.
func (r *Relay) Announce(number uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rights.Store(r.rights.Load().withAnnounced(number))
}

// Permits reports whether there is a permission for a peer.
func (r *Relay) Permits(peer netip.Addr) bool { return r.rights.Load().permits(peer.Unmap()) }

// HasChannel reports whether a channel is bound.
func (r *Relay) HasChannel(number uint16) bool { return r.rights.Load().channel(number) != nil }

// Rights returns the number of permissions and channels.
func (r *Relay) Rights() (permissions, channels int) {
	now := r.rights.Load()
	return len(now.permissions), len(now.channels)
}

// DontFragment sets whether datagrams to peers that are longer than their path takes are
// dropped instead of fragmented.
func (r *Relay) DontFragment(on bool) error { return r.conn.setDontFragment(on) }

// Relayed returns the address that peers send to.
func (r *Relay) Relayed() netip.AddrPort { return r.relayed }

// Traffic returns what was relayed.
func (r *Relay) Traffic() Traffic {
	return Traffic{ToPeers: r.toPeers.flow(), FromPeers: r.fromPeers.flow()}
}

// Close ends the relay. Its socket is closed as soon as nobody uses it any more, which may
// be a moment later. Calls after the first do nothing.
func (r *Relay) Close() {
	r.mu.Lock()
	was := r.state
	r.state = relayClosed
	r.mu.Unlock()
	if was == relayClosed {
		return
	}
	if was == relayLive {
		r.path.byRelayed.remove(r.relayed, r)
		r.path.byBound.remove(r.bound, r)
		r.client.detach(r)
		r.path.epoch.Add(1)
	}
	r.conn.close(r.retire)
}

// retire is called once the socket is closed.
func (r *Relay) retire() {
	p := r.path
	p.mu.Lock()
	delete(p.relays, r)
	p.endedTraffic.add(r.Traffic())
	p.overflows += r.conn.overflows()
	p.mu.Unlock()
	if r.onClosed != nil {
		r.onClosed()
	}
	p.work.Done()
}
