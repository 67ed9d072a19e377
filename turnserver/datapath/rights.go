package datapath

import (
	"net/netip"
	"slices"
)

// rights are the permissions and channels of a relay. They are never changed, but replaced
// as a whole, so that they can be read without a lock.
type rights struct {
	permissions []netip.Addr
	channels    []*binding
}

// binding binds a channel to a peer.
type binding struct {
	number    uint16
	peer      netip.AddrPort
	announced bool  // the client knows that the channel is bound
	route     route // belongs to the goroutine that reads from the client
}

func (s *rights) permits(peer netip.Addr) bool { return slices.Contains(s.permissions, peer) }

func (s *rights) channel(number uint16) *binding {
	for _, b := range s.channels {
		if b.number == number {
			return b
		}
	}
	return nil
}

// channelOf returns the announced channel of a peer, or nil.
func (s *rights) channelOf(peer netip.AddrPort) *binding {
	for _, b := range s.channels {
		if b.announced && b.peer == peer {
			return b
		}
	}
	return nil
}

// withPermission returns a copy with the permission of peer added or removed.
func (s *rights) withPermission(peer netip.Addr, on bool) *rights {
	changed := &rights{channels: s.channels}
	for _, addr := range s.permissions {
		if addr != peer {
			changed.permissions = append(changed.permissions, addr)
		}
	}
	if on {
		changed.permissions = append(changed.permissions, peer)
	}
	return changed
}

// withChannel returns a copy with the channel added or removed.
func (s *rights) withChannel(number uint16, peer netip.AddrPort, on bool) *rights {
	changed := &rights{permissions: s.permissions}
	for _, b := range s.channels {
		if b.number != number {
			changed.channels = append(changed.channels, b)
		}
	}
	if on {
		changed.channels = append(changed.channels, &binding{number: number, peer: peer})
	}
	return changed
}

// withAnnounced returns a copy in which the channel is announced.
func (s *rights) withAnnounced(number uint16) *rights {
	b := s.channel(number)
	if b == nil || b.announced {
		return s
	}
	changed := s.withChannel(number, b.peer, false)
	changed.channels = append(changed.channels, &binding{number: number, peer: b.peer, announced: true})
	return changed
}
