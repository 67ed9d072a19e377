package datapath

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"callbox/internal/netaddr"
	"callbox/turnserver/limit"
)

// relayBuffer is asked of the kernel for the receive buffer of each relay: a
// burst of video must not be lost while its engine is at work elsewhere.
const relayBuffer = 1 << 20

// RelayConfig says what a relay is known by and bound to.
type RelayConfig struct {
	// Relayed is the address that peers know, Bound the one that the socket is
	// bound to: the same unless there is a NAT between.
	Relayed, Bound netip.AddrPort
	// User limits the bytes of the relay's user, in both directions; nil = no
	// limit.
	User *limit.Bucket
	// Closed is called once the relay's socket is closed, so that its port is
	// free; nil = nobody wants to know. It must not block.
	Closed func()
}

// port is a socket of ours.
type port interface {
	// send may be called from any goroutine, and does not wait.
	send(to *destination, head, body []byte, padding int) Drop
	destination(addr netip.AddrPort, from netip.Addr) destination
	// start has what is received handled from now on.
	start(source) error
	// close has the socket closed when nobody uses it any more; closed is
	// called then.
	close(closed func())
	setDontFragment(on bool) error
	// measure asks the kernel for what overflows returns: how many datagrams
	// were dropped because the receive buffer was full.
	measure()
	overflows() uint64
}

// source is what a port receives for: either of the two.
type source struct {
	socket *Socket
	relay  *Relay
}

// Relay is the socket of one allocation, with the rights of its client. All
// methods are safe for concurrent use.
type Relay struct {
	path           *Path
	client         Client
	relayed, bound netip.AddrPort
	user           *limit.Bucket
	port           port
	dontFragment   atomic.Bool
	closed         func()

	rights             atomic.Pointer[rights]
	toPeers, fromPeers meter

	// sent is the route of the last Send indication, and belongs to the goroutine
	// that reads from the client; last is who the last datagram came from, and
	// belongs to the one that reads from peers.
	sent route
	last origin

	mu    sync.Mutex
	state relayState
}

type relayState uint8

const (
	relayOpen relayState = iota
	relayLive
	relayClosed
)

// Open makes a relay of a bound socket, which belongs to the relay from then on,
// and is closed also when there is an error. Nothing is relayed before Start.
func (p *Path) Open(client Client, conn net.PacketConn, c RelayConfig) (*Relay, error) {
	e := client.engine()
	if e == nil {
		e = p.nextEngine()
	}
	port, _, err := p.openPort(conn, e, relayBuffer)
	if err != nil {
		return nil, err
	}
	r := &Relay{
		path: p, client: client, port: port, user: c.User, closed: c.Closed,
		relayed: netaddr.Unmap(c.Relayed), bound: netaddr.Unmap(c.Bound),
	}
	r.rights.Store(&rights{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		port.close(func() {})
		return nil, net.ErrClosed
	}
	p.relays[r] = struct{}{}
	p.work.Add(1)
	return r, nil
}

// Start has the relay reached by its client and by peers. The error is of the
// kernel's, and the caller closes the relay.
func (r *Relay) Start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != relayOpen {
		return net.ErrClosed
	}
	if err := r.port.start(source{relay: r}); err != nil {
		return err
	}
	r.state = relayLive
	r.path.relayed.put(r.relayed, r)
	r.path.bound.put(r.bound, r)
	r.client.attach(r)
	r.path.epoch.Add(1)
	return nil
}

// Permit gives a peer, by its IP address, the permission to exchange packets
// with the client, or takes it away.
func (r *Relay) Permit(peer netip.Addr, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rights.Store(r.rights.Load().withPermission(peer.Unmap(), on))
}

// Bind binds a channel to a peer, for what the client sends, or takes the binding
// away. It gives no permission.
func (r *Relay) Bind(number uint16, peer netip.AddrPort, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rights.Store(r.rights.Load().withChannel(number, netaddr.Unmap(peer), on))
}

// Announce has what the peer of a channel sends go by the channel, too. The caller
// has sent the client the answer to its ChannelBind before: a client may discard
// ChannelData of a channel that it does not know to be bound.
func (r *Relay) Announce(number uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rights.Store(r.rights.Load().withAnnounced(number))
}

// Permits says whether a peer has a permission.
func (r *Relay) Permits(peer netip.Addr) bool { return r.rights.Load().permits(peer.Unmap()) }

// HasChannel says whether a channel is bound.
func (r *Relay) HasChannel(number uint16) bool { return r.rights.Load().channel(number) != nil }

// Rights returns how many permissions and channels the client has.
func (r *Relay) Rights() (permissions, channels int) {
	now := r.rights.Load()
	return len(now.permissions), len(now.channels)
}

// DontFragment says whether datagrams to peers that are longer than what their
// way takes are dropped, and not sent in fragments.
func (r *Relay) DontFragment(on bool) error { return r.port.setDontFragment(on) }

// Relayed returns the address that peers know the relay by.
func (r *Relay) Relayed() netip.AddrPort { return r.relayed }

// Traffic returns what was relayed.
func (r *Relay) Traffic() Traffic {
	return Traffic{ToPeers: r.toPeers.flow(), FromPeers: r.fromPeers.flow()}
}

// Close ends the relay. Its socket is closed when nobody uses it any more,
// which may be a moment later. Calls after the first do nothing.
func (r *Relay) Close() {
	r.mu.Lock()
	was := r.state
	r.state = relayClosed
	r.mu.Unlock()
	if was == relayClosed {
		return
	}
	if was == relayLive {
		r.path.relayed.remove(r.relayed, r)
		r.path.bound.remove(r.bound, r)
		r.client.detach(r)
		r.path.epoch.Add(1)
	}
	r.port.close(r.retire)
}

// retire is called when the socket is closed.
func (r *Relay) retire() {
	p := r.path
	p.mu.Lock()
	delete(p.relays, r)
	p.ended.add(r.Traffic())
	p.overflows += r.port.overflows()
	p.mu.Unlock()
	if r.closed != nil {
		r.closed()
	}
	p.work.Done()
}
