package datapath

import "sync/atomic"

// Group is a set of relays that exchange datagrams with one another and with nobody else, and that
// relay only so much in all.
type Group struct{ left atomic.Int64 }

// ruleGroup is the rule that denies a peer outside the relay's group.
const ruleGroup = "not a relay of the same check"

// NewGroup returns a group whose relays may pass on so many bytes of payload. A datagram counts at each
// relay that it passes.
func NewGroup(bytes int64) *Group {
	g := &Group{}
	g.left.Store(bytes)
	return g
}

// take reports whether n more bytes may pass. Nothing passes after the first datagram that is too much.
func (g *Group) take(n int) bool {
	return g == nil || g.left.Load() >= 0 && g.left.Add(-int64(n)) >= 0
}

// denies returns the rule by which a relay of this group, or of none, may not exchange datagrams with a
// relay of this path, or with somebody who is none, or "".
func (g *Group) denies(other *Relay) string {
	if other == nil && g == nil || other != nil && other.group == g {
		return ""
	}
	return ruleGroup
}
