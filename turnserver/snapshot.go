package turnserver

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"callbox/turnserver/datapath"
)

// Snapshot has the totals since the start, and the present numbers.
type Snapshot struct {
	// Created and Ended count allocations; Active are the live ones. EndedBy counts by
	// reason: deleted (by its client), expired, kicked, revoked, displaced (it was idle,
	// and others needed its place), client_gone (the connection of its client broke),
	// closed (the server was) and failed (its socket did).
	Created, Ended uint64
	EndedBy        map[string]uint64
	Active         int
	// Draining reports whether new allocations are refused.
	Draining bool
	// FailedAllocations counts those that failed for want of a port or socket.
	FailedAllocations uint64
	// RefusedAllocations counts those over a limit, by reason: user_quota, address_quota,
	// total_quota, or draining.
	RefusedAllocations map[string]uint64
	// Refusals counts the requests that were refused, by the code of the response. 401
	// includes the challenge that every client gets first, 438 is for stale nonces.
	Refusals map[int]uint64
	// AuthFailures counts requests with a credential that was not accepted.
	// AuthFailuresBy counts them by reason: username (not of the known form), realm,
	// signature, expired, revoked, user (the allocation is another user's), and guessing
	// (the address has tried too many passwords of a fixed user).
	AuthFailures   uint64
	AuthFailuresBy map[string]uint64
	// UnauthenticatedWithheld counts requests that were not answered because of
	// Limits.Unauthenticated.
	UnauthenticatedWithheld uint64
	// DeniedPeers counts requests refused because the policy denies a peer, DeniedBy by
	// rule: a built-in range, or configured. DeniedPackets counts datagrams to and from
	// peers that the policy denies.
	DeniedPeers   uint64
	DeniedBy      map[string]uint64
	DeniedPackets uint64
	// RevokedUsers is how many users' credentials are refused.
	RevokedUsers int
	// Connections is how many TCP and TLS connections are open. RefusedConnections counts
	// those that were closed at once because there were too many of their address or in
	// all, and DisplacedConnections those that made room for others.
	Connections          int
	RefusedConnections   uint64
	DisplacedConnections uint64
	// ToPeers and FromPeers count what was relayed from clients and to them.
	ToPeers, FromPeers Traffic
	// Path has the details: what was relayed in channels, in indications and by the short
	// cut, what was not relayed, and how the sockets were read.
	Path datapath.Stats
	// Drops counts datagrams that were not relayed, by reason, including those of 0:
	// user_rate and total_rate are over Limits.UserBytes and Limits.TotalBytes.
	Drops map[string]uint64
}

// Allocation describes a live allocation at the time of the call.
type Allocation struct {
	// User is the peer that the credential was made for.
	User string
	// Protocol between client and server.
	Protocol Protocol
	// Client is the address of the client, Relayed the relayed transport address, which
	// peers see.
	Client, Relayed netip.AddrPort
	// Since is when it was made, Expires when it will end unless it is refreshed.
	Since, Expires time.Time
	// Permissions and Channels are the numbers of those that it has.
	Permissions, Channels int
	// ToPeers and FromPeers count what was relayed from the client and to it.
	ToPeers, FromPeers Traffic
}

// tally counts events by reason. Its zero value is empty.
type tally struct {
	mu     sync.Mutex
	counts map[string]uint64
}

func (t *tally) add(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]uint64{}
	}
	t.counts[reason]++
}

// load returns the counts, and their sum.
func (t *tally) load() (counts map[string]uint64, sum uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.counts {
		sum += n
	}
	return maps.Clone(t.counts), sum
}

// Allocations returns the live allocations, oldest first.
func (s *Server) Allocations() []Allocation {
	live := s.registry.snapshots()
	slices.SortFunc(live, func(a, b Allocation) int {
		return cmp.Or(a.Since.Compare(b.Since), a.Relayed.Compare(b.Relayed))
	})
	return live
}

// Snapshot returns the server's counters.
func (s *Server) Snapshot() Snapshot {
	snapshot := Snapshot{
		FailedAllocations:       s.failedAllocations.Load(),
		UnauthenticatedWithheld: s.answers.Refused(), RevokedUsers: s.credentials.revoked.count(s.credentials.now()),
	}
	snapshot.Refusals = s.refusals.load()
	snapshot.AuthFailuresBy, snapshot.AuthFailures = s.authFailures.load()
	snapshot.DeniedBy, snapshot.DeniedPeers = s.deniedPeers.load()
	path := s.path.Stats()
	snapshot.Path = path
	snapshot.ToPeers, snapshot.FromPeers = path.Traffic.ToPeers.Total(), path.Traffic.FromPeers.Total()
	snapshot.DeniedPackets = path.Drops[datapath.Denied]
	snapshot.Drops = map[string]uint64{}
	for _, cause := range datapath.Causes() {
		snapshot.Drops[cause.String()] = path.Drops[cause]
	}
	s.registry.fill(&snapshot)
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	snapshot.Connections, snapshot.RefusedConnections, snapshot.DisplacedConnections = len(s.conns.open), s.conns.refused, s.conns.displaced
	return snapshot
}

func (g *registry) snapshots() []Allocation {
	g.mu.RLock()
	defer g.mu.RUnlock()
	live := make([]Allocation, 0, len(g.byRelayed))
	for _, a := range g.byRelayed {
		live = append(live, a.snapshot())
	}
	return live
}

func (g *registry) fill(s *Snapshot) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	s.Created, s.Active, s.Draining = g.created, len(g.byRelayed), g.drained != nil
	s.EndedBy, s.RefusedAllocations = maps.Clone(g.ended), maps.Clone(g.refused)
	for _, n := range g.ended {
		s.Ended += n
	}
}
