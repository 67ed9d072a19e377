package peer

import (
	"time"

	"github.com/pion/webrtc/v4"
)

// maxMoves is the most changes of the path that a report lists.
const maxMoves = 100

// Route is a pair of candidates, as a path of media.
type Route struct {
	Type   PathType  `json:"type"`
	Local  LocalEnd  `json:"local"`
	Remote RemoteEnd `json:"remote"`
}

// Move is a change of the path of media to another pair of candidates.
type Move struct {
	TMS  int64 `json:"t_ms"` // since Join was called
	From Route `json:"from"`
	To   Route `json:"to"`
}

// move is a change of the selected pair.
type move struct {
	at       time.Time
	from, to *webrtc.ICECandidatePair
}

// samePair reports whether two pairs are between the same addresses.
func samePair(a, b *webrtc.ICECandidatePair) bool {
	same := func(a, b *webrtc.ICECandidate) bool {
		return a.Typ == b.Typ && a.Protocol == b.Protocol && a.Address == b.Address && a.Port == b.Port
	}
	return same(a.Local, b.Local) && same(a.Remote, b.Remote)
}

// pairSelected notes that ICE selected a pair. It may be called from any goroutine.
func (l *link) pairSelected(pair *webrtc.ICECandidatePair) {
	if pair == nil || pair.Local == nil || pair.Remote == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.pair
	l.pair = pair
	l.renomination.selected(pair)
	if before == nil || samePair(before, pair) {
		return
	}
	l.pathChanges++
	if len(l.moves) < maxMoves {
		l.moves = append(l.moves, move{at: time.Now(), from: before, to: pair})
	}
}

// sample records the current path of media and the round-trip time. Without a
// selected pair, the path sampled before is kept.
func (l *link) sample() {
	l.sampleSent(time.Now())
	pair, err := l.transport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return
	}
	numbers, ok := l.transport().GetSelectedCandidatePairStats()
	if !ok {
		return
	}
	route := l.route(pair)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.path = &route
	if rtt := 1000 * numbers.CurrentRoundTripTime; rtt > 0 {
		l.roundTrips.add(rtt)
	}
}

// route describes a pair.
func (l *link) route(pair *webrtc.ICECandidatePair) Route {
	r := Route{
		Type:   Direct,
		Local:  LocalEnd{Type: pair.Local.Typ.String(), Protocol: pair.Local.Protocol.String()},
		Remote: RemoteEnd{Type: pair.Remote.Typ.String(), Protocol: pair.Remote.Protocol.String()},
	}
	if pair.Local.Typ == webrtc.ICECandidateTypeRelay {
		l.describeRelay(&r.Local, pair.Local)
	}
	if l.relays.carry(pair) {
		r.Type = Relayed
	}
	if l.relays.has(pair.Remote.Address, pair.Remote.Port) {
		r.Remote.Type = string(Relay)
	}
	return r
}

// describeRelay sets the TURN protocol and URL of the local candidate. It does not use
// Pion's PeerConnection.GetStats, which reads without a lock what the first packet of
// a stream, and the closing of the connection by the other side, write.
func (l *link) describeRelay(end *LocalEnd, local *webrtc.ICECandidate) {
	protocol := string(l.dialer.protocolOf(local))
	end.RelayProtocol = &protocol
	if urls := turnURLs(l.servers, protocol); len(urls) == 1 {
		shown := withoutCredentials(urls[0])
		end.URL = &shown
	}
}

// reportPath returns the path that was sampled last; nil = none. start is when Join was
// called.
func (l *link) reportPath(start time.Time) *Path {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.path == nil {
		return nil
	}
	restarts := l.restarts // only those that this side began
	path := Path{
		Route: *l.path, Changes: l.pathChanges, Moves: []Move{},
		ICERestarts: &restarts, RTTMS: l.roundTrips.distribution(),
	}
	for _, m := range l.moves {
		path.Moves = append(path.Moves, Move{TMS: m.at.Sub(start).Milliseconds(), From: l.route(m.from), To: l.route(m.to)})
	}
	return &path
}
