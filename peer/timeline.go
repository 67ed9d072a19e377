package peer

import "time"

// timeline holds when things happened; zero = not yet.
type timeline struct {
	wsOpen, joined, peerSeen    time.Time
	offer, answer               time.Time
	firstCandidate              time.Time
	iceConnected, dtlsConnected time.Time
	firstRTP, firstFrame        time.Time
	dcOpen                      time.Time
	hangup                      time.Time
}

// forgetConnection resets everything about a peer that left before it was connected.
func (t *timeline) forgetConnection() {
	*t = timeline{wsOpen: t.wsOpen, joined: t.joined}
}

// since returns the timeline in milliseconds from start.
func (t *timeline) since(start time.Time) Timeline {
	at := func(when time.Time) *int64 {
		if when.IsZero() {
			return nil
		}
		ms := when.Sub(start).Milliseconds()
		return &ms
	}
	return Timeline{
		Start: at(start), WSOpen: at(t.wsOpen), Joined: at(t.joined), PeerSeen: at(t.peerSeen),
		Offer: at(t.offer), Answer: at(t.answer), FirstCandidate: at(t.firstCandidate),
		ICEConnected: at(t.iceConnected), DTLSConnected: at(t.dtlsConnected),
		FirstRTP: at(t.firstRTP), FirstFrame: at(t.firstFrame), DCOpen: at(t.dcOpen), Hangup: at(t.hangup),
	}
}
