package datapath

import "net/netip"

// route is the way from a relay to one of its peers, as it was found last. It
// holds until a relay comes or goes or the policy changes.
type route struct {
	peer          netip.AddrPort
	epoch, policy uint64
	found         bool

	rule   string      // not "": the policy refuses the peer
	target *Relay      // a relay of this server, which is reached by the short cut
	to     destination // for the kernel, when there is no short cut

	// What target thinks of this relay, by its rights as they were then.
	rights    *rights
	permitted bool
	channel   *binding // nil: by Data indication
}

// find makes sure that a route is the one to peer, and still good.
func (r *Relay) find(way *route, peer netip.AddrPort) {
	p := r.path
	epoch := p.epoch.Load()
	policy, steady := p.policyEpoch()
	if !way.found || way.epoch != epoch || way.policy != policy || way.peer != peer || !steady {
		*way = route{peer: peer, epoch: epoch, policy: policy, found: true}
		other := p.relayed.get(peer)
		switch {
		case other == nil:
			if way.rule = p.config.Denies(peer.Addr()); way.rule == "" {
				way.to = r.port.destination(peer, netip.Addr{})
			}
		case p.config.NoShortCut:
			// Sent to where it is bound it needs no router that hairpins.
			way.to = r.port.destination(other.bound, netip.Addr{})
		default:
			way.target = other
		}
	}
	if way.target != nil {
		way.enter(way.target.rights.Load(), r.relayed)
	}
}

// enter looks up what the target's rights say of the relay that sends.
func (way *route) enter(current *rights, from netip.AddrPort) {
	if way.rights == current {
		return
	}
	way.rights = current
	way.permitted = current.permits(from.Addr())
	way.channel = current.channelOf(from)
}

// origin is what is known of where a datagram has come from. It holds as long
// as a route does, and the rights that it was found in.
type origin struct {
	from          netip.AddrPort
	epoch, policy uint64
	rights        *rights

	peer    netip.AddrPort // what the client knows it by
	cause   Drop           // Sent: it may pass
	rule    string         // of the policy that refuses it
	channel *binding       // nil: by Data indication
}

// from makes sure that r.last is about a datagram's source, and still good.
func (r *Relay) from(source netip.AddrPort) *origin {
	p := r.path
	epoch := p.epoch.Load()
	policy, steady := p.policyEpoch()
	current := r.rights.Load()
	last := &r.last
	if steady && last.from == source && last.epoch == epoch && last.policy == policy && last.rights == current {
		return last
	}
	*last = origin{from: source, epoch: epoch, policy: policy, rights: current, peer: source}
	ours := true
	if other := p.bound.get(source); other != nil {
		last.peer = other.relayed
	} else if p.relayed.get(source) == nil { // else a router on the way has hairpinned
		ours = false
	}
	switch {
	case !current.permits(last.peer.Addr()):
		last.cause = NoPermission
	case !ours:
		if last.rule = p.config.Denies(source.Addr()); last.rule != "" {
			last.cause = Denied
		}
	}
	last.channel = current.channelOf(last.peer)
	return last
}
