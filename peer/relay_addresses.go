package peer

import (
	"net/netip"
	"sync"

	"github.com/pion/webrtc/v4"
)

// relayAddresses are the addresses at which the other side is reached through a TURN server.
// If a check arrives from one before it is signalled, the type of its candidate is prflx.
type relayAddresses struct {
	mu    sync.Mutex
	known map[netip.AddrPort]struct{}
}

// note stores the address of a signalled candidate if it is a relay's.
func (a *relayAddresses) note(candidate string) {
	address := candidateAddress(candidate)
	if candidateType(candidate) != string(Relay) || !address.IsValid() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxPendingCandidates {
		return
	}
	if a.known == nil {
		a.known = make(map[netip.AddrPort]struct{})
	}
	a.known[address] = struct{}{}
}

// has reports whether an address is one of a relay.
func (a *relayAddresses) has(host string, port uint16) bool {
	address, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.known[netip.AddrPortFrom(address, port)]
	return known
}

// carry reports whether a pair goes through a relay, of this side or of the other.
func (a *relayAddresses) carry(pair *webrtc.ICECandidatePair) bool {
	return pair.Local.Typ == webrtc.ICECandidateTypeRelay || pair.Remote.Typ == webrtc.ICECandidateTypeRelay ||
		a.has(pair.Remote.Address, pair.Remote.Port)
}
