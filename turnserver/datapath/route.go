package datapath

import "net/netip"

// route is how datagrams get from a relay to one of its peers. It is cached until a relay
// comes or goes, or the policy changes.
type route struct {
	peer          netip.AddrPort
	epoch, policy uint64
	valid         bool

	rule   string      // not "": the policy denies the peer
	target *Relay      // a relay of this server, reached by the short cut
	to     destination // for the kernel, without short cut

	// What target's rights, as they were then, say of this relay.
	rights    *rights
	permitted bool
	channel   *binding // nil: its client gets Data indications
}

// resolve updates rt unless it is the route to peer and still valid.
func (r *Relay) resolve(rt *route, peer netip.AddrPort) {
	p := r.path
	epoch := p.epoch.Load()
	policy, steady := p.policyEpoch()
	if !rt.valid || rt.epoch != epoch || rt.policy != policy || rt.peer != peer || !steady {
		*rt = route{peer: peer, epoch: epoch, policy: policy, valid: true}
		other := p.byRelayed.get(peer)
		rt.rule = r.group.denies(other)
		switch {
		case rt.rule != "":
		case other == nil:
			if rt.rule = p.config.Denies(peer.Addr()); rt.rule == "" {
				rt.to = r.conn.destination(peer, netip.Addr{})
			}
		case p.config.NoShortCut:
			// Sent to the bound address, it does not need a router that hairpins.
			rt.to = r.conn.destination(other.bound, netip.Addr{})
		default:
			rt.target = other
		}
	}
	if rt.target != nil {
		rt.checkTarget(rt.target.rights.Load(), r.relayed)
	}
}

// checkTarget looks up what the target's rights say of the relay that sends.
func (rt *route) checkTarget(current *rights, from netip.AddrPort) {
	if rt.rights == current {
		return
	}
	rt.rights = current
	rt.permitted = current.permits(from.Addr())
	rt.channel = current.channelOf(from)
}

// peerCheck is what the rights and the policy say of the peer that a datagram came from. It
// is cached as long as a route would be, and as the rights stay the same.
type peerCheck struct {
	from          netip.AddrPort
	epoch, policy uint64
	rights        *rights

	peer    netip.AddrPort // the address that the client knows it by
	cause   Drop           // Sent: the datagram is relayed
	rule    string         // of the policy that denies it
	channel *binding       // nil: the client gets Data indications
}

// checkPeer updates r.lastPeer unless it is about source and still valid, and returns it.
func (r *Relay) checkPeer(source netip.AddrPort) *peerCheck {
	p := r.path
	epoch := p.epoch.Load()
	policy, steady := p.policyEpoch()
	current := r.rights.Load()
	last := &r.lastPeer
	if steady && last.from == source && last.epoch == epoch && last.policy == policy && last.rights == current {
		return last
	}
	*last = peerCheck{from: source, epoch: epoch, policy: policy, rights: current, peer: source}
	other := p.byBound.get(source)
	if other != nil {
		last.peer = other.relayed
	} else {
		other = p.byRelayed.get(source) // a router has hairpinned it
	}
	if last.rule = r.group.denies(other); last.rule == "" && other == nil {
		last.rule = p.config.Denies(source.Addr())
	}
	switch {
	case !current.permits(last.peer.Addr()):
		last.cause = NoPermission
	case last.rule != "":
		last.cause = Denied
	}
	last.channel = current.channelOf(last.peer)
	return last
}
