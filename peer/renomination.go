package peer

import (
	"slices"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

const (
	// renominationInterval is how long ICE runs at least before a call leaves a relay.
	renominationInterval = 300 * time.Millisecond
	// freshResponse is how old the last response on a pair that works may be. All pairs are
	// checked every two seconds.
	freshResponse = 5 * time.Second
	// maxDirectPairs bounds what the other side can make this one remember. When it is reached,
	// the pairs that do not work make room: they may be those of before an ICE restart.
	maxDirectPairs = 100
)

// renomination moves a call that began over a relay to a direct pair as soon as one works,
// if this side is controlling (draft-thatcher-ice-renomination-01). Pion decides when to
// nominate another pair. It would also do that between direct pairs and between relays,
// whenever one has a round-trip time 10 ms shorter: such a nomination gets no value, and
// both sides stay where they are.
type renomination struct {
	relays *relayAddresses

	mu     sync.Mutex
	pair   *webrtc.ICECandidatePair // selected last
	direct []*ice.CandidatePair     // on which a check has arrived
	value  uint32                   // of the last nomination
}

// configure makes ICE renominate.
func (r *renomination) configure(settings *webrtc.SettingEngine) error {
	settings.SetICEBindingRequestHandler(r.checkArrived)
	return settings.SetICERenomination(
		webrtc.WithRenominationGenerator(r.next), webrtc.WithRenominationInterval(renominationInterval))
}

// checkArrived remembers a direct pair on which a check has arrived. It is called by Pion,
// which selects the pair if the result is true.
func (r *renomination) checkArrived(_ *stun.Message, local, remote ice.Candidate, pair *ice.CandidatePair) bool {
	if local.Type() == ice.CandidateTypeRelay || remote.Type() == ice.CandidateTypeRelay ||
		r.relays.has(remote.Address(), uint16(remote.Port())) { //nolint:gosec // a port
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.direct, pair) {
		return false
	}
	if len(r.direct) >= maxDirectPairs {
		r.direct = slices.DeleteFunc(r.direct, func(pair *ice.CandidatePair) bool { return !works(pair) })
	}
	if len(r.direct) < maxDirectPairs {
		r.direct = append(r.direct, pair)
	}
	return false
}

// works reports whether checks of this side are answered on a pair.
func works(pair *ice.CandidatePair) bool {
	return time.Since(pair.LastResponseReceivedAt()) < freshResponse
}

// selected notes which pair is selected.
func (r *renomination) selected(pair *webrtc.ICECandidatePair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pair = pair
}

// next returns the value of the nomination that Pion is about to send: each is higher than
// the one before, and 0 stands for none.
func (r *renomination) next() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pair == nil || !r.relays.carry(r.pair) || !slices.ContainsFunc(r.direct, works) {
		return 0
	}
	r.value++
	return r.value
}
