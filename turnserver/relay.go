package turnserver

import (
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v3"

	"callbox/turnserver/limit"
)

// permissionGap is how close to its end an allocation takes no new permission.
// pion publishes a permission before it starts the permission's timer, and
// stops that timer when the allocation ends: at once, both would be a nil
// dereference.
const permissionGap = time.Second

// Traffic counts datagrams and the bytes of their payload.
type Traffic struct{ Packets, Bytes uint64 }

func (t *Traffic) add(other Traffic) {
	t.Packets += other.Packets
	t.Bytes += other.Bytes
}

// relay is the socket of one allocation: it counts what passes, and lets pass
// only what policy and permissions allow.
type relay struct {
	net.PacketConn
	endpoint       *endpoint
	address        *relayAddress
	relayed, bound netip.AddrPort
	relayedAddr    *net.UDPAddr // what pion knows the allocation by
	client         netip.AddrPort
	username, user string
	since          time.Time
	key            stun.MessageIntegrity // it was made with
	bytes          *limit.Bucket         // the user's

	toPeers, fromPeers traffic
	refused            atomic.Bool // a refusal was logged
	state              relayState  // belongs to the registry
	expires            atomic.Int64
	reason             atomic.Pointer[string] // why it is going to end; nil = not known

	closing   chan struct{}
	closeOnce sync.Once

	mu          sync.RWMutex
	permissions map[netip.Addr]struct{}
	channels    map[uint16]struct{}
}

type traffic struct{ packets, bytes atomic.Uint64 }

func (t *traffic) count(bytes int) {
	t.packets.Add(1)
	t.bytes.Add(uint64(max(bytes, 0)))
}

func (t *traffic) load() Traffic { return Traffic{Packets: t.packets.Load(), Bytes: t.bytes.Load()} }

// ReadFrom returns the next datagram that may be relayed to the client. pion
// calls it from one goroutine until it fails, which it does only at the end.
func (r *relay) ReadFrom(p []byte) (int, net.Addr, error) {
	server := r.endpoint.server
	for {
		var n int
		var addr net.Addr
		err := persist(r.closing, server.log, func() (err error) {
			n, addr, err = r.PacketConn.ReadFrom(p)
			return err
		})
		if err != nil {
			r.endReading()
			return 0, nil, err
		}
		// A full buffer may be a truncated datagram.
		if peer, ok := r.source(addrPort(addr)); ok && n < len(p) && r.takes(n) {
			r.fromPeers.count(n)
			return n, net.UDPAddrFromAddrPort(peer), nil
		}
	}
}

// endReading ends the goroutine that reads, when it is pion that closed the
// relay. With an error pion would delete the allocation of the relay's 5-tuple,
// which by now can be the next one that the client has made.
func (r *relay) endReading() {
	r.endpoint.work.Done()
	select {
	case <-r.closing:
		runtime.Goexit()
	default: // the socket was closed by others: the allocation has to go
	}
}

// source returns the address that a datagram's sender is known by, and whether
// the sender may reach the client.
func (r *relay) source(from netip.AddrPort) (netip.AddrPort, bool) {
	server := r.endpoint.server
	if other := server.relays.boundAt(from); other != nil {
		from = other.relayed
	} else if server.policy.denies(from.Addr()) != "" {
		server.deniedPackets.Add(1)
		return from, false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.permissions[from.Addr()]
	return from, ok
}

// WriteTo sends a client's datagram to a peer. What policy refuses is dropped
// silently, as a network would.
func (r *relay) WriteTo(p []byte, addr net.Addr) (int, error) {
	server := r.endpoint.server
	peer := addrPort(addr)
	if other := server.relays.relayedAt(peer); other != nil {
		// Sent to where it is bound it needs no router that hairpins.
		peer = other.bound
	} else if rule := server.policy.denies(peer.Addr()); rule != "" {
		server.deniedPackets.Add(1)
		r.refuse(rule, peer.Addr())
		return len(p), nil
	}
	if !r.takes(len(p)) {
		return len(p), nil
	}
	n, err := r.PacketConn.WriteTo(p, net.UDPAddrFromAddrPort(peer))
	if err == nil {
		r.toPeers.count(n)
	}
	return n, err
}

// takes says whether the limits of the user and of the server let so many bytes
// pass.
func (r *relay) takes(bytes int) bool {
	server := r.endpoint.server
	now := server.uptime()
	if !r.bytes.Take(now, bytes) {
		server.drops.add("user_rate")
		return false
	}
	if !server.bytes.Take(now, bytes) {
		server.drops.add("total_rate")
		return false
	}
	return true
}

// keeps says whether the request being handled is signed with the key that the
// allocation was made with: that stays good for it when the credential expires
// and when its secret goes, but not when its user is revoked.
func (r *relay) keeps(username, realm string) bool {
	c := &r.endpoint.server.credentials
	return r.username == username && realm == c.realm && r.key.Check(&r.endpoint.request.message) == nil &&
		!c.revoked.refuses(r.user, time.Time{}, time.Time{})
}

// refuse tells once for each allocation which rule stood against a peer.
func (r *relay) refuse(rule string, peer netip.Addr) {
	log := r.endpoint.server.log
	if !r.refused.Swap(true) {
		log.Info("relay refuses a peer", "user", r.user, "rule", rule)
	}
	log.Debug("relay refuses a peer", "user", r.user, "rule", rule, "peer", peer.String())
}

// admit says whether the allocation has room for a permission and, if channel
// is not 0, for that channel.
func (r *relay) admit(peer netip.Addr, channel uint16) bool {
	limits := &r.endpoint.server.limits
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, ok := r.permissions[peer]; !ok && reached(len(r.permissions), limits.Permissions) {
		return false
	}
	_, ok := r.channels[channel]
	return ok || channel == 0 || !reached(len(r.channels), limits.Channels)
}

func (r *relay) setPermission(peer netip.Addr, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if on {
		r.permissions[peer] = struct{}{}
	} else {
		delete(r.permissions, peer)
	}
}

func (r *relay) setChannel(number uint16, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if on {
		r.channels[number] = struct{}{}
	} else {
		delete(r.channels, number)
	}
}

func (r *relay) setLifetime(lifetime time.Duration) {
	r.expires.Store(time.Now().Add(lifetime).UnixNano())
}

// ending says whether the allocation ends within permissionGap.
func (r *relay) ending() bool {
	return time.Until(time.Unix(0, r.expires.Load())) < permissionGap
}

// endsBecause notes why the allocation is going to end. The first reason stays.
func (r *relay) endsBecause(reason string) { r.reason.CompareAndSwap(nil, &reason) }

// endReason says why the allocation ends now.
func (r *relay) endReason() string {
	if reason := r.reason.Load(); reason != nil {
		return *reason
	}
	switch e := r.endpoint; {
	case e.server.ending.Load():
		return endClosed
	case e.isDone() && e.protocol != UDP:
		return endClientGone
	case !time.Now().Before(time.Unix(0, r.expires.Load())):
		return endExpired
	default:
		return endFailed
	}
}

// end ends the allocation: pion takes it away when its socket is gone.
func (r *relay) end() {
	if err := r.PacketConn.Close(); err != nil {
		r.endpoint.server.log.Debug("close relay socket", "err", err)
	}
}

// Close ends the allocation's account and frees its port. It never fails, since
// pion stops closing other allocations at the first failure.
func (r *relay) Close() error {
	r.closeOnce.Do(func() {
		close(r.closing)
		if err := r.PacketConn.Close(); err != nil {
			r.endpoint.server.log.Debug("close relay socket", "err", err)
		}
		if reason, wasLive := r.endpoint.server.relays.remove(r); wasLive {
			r.endpoint.forget(r)
			r.address.ports.release(r.bound.Port())
			r.logEnd(reason)
			r.endpoint.work.Done()
		} else {
			r.address.ports.restore(r.bound.Port())
		}
	})
	return nil
}

func (r *relay) logEnd(reason string) {
	to, from := r.toPeers.load(), r.fromPeers.load()
	log := r.endpoint.server.log
	log.Info("relay ended", "user", r.user, "protocol", string(r.endpoint.protocol),
		"reason", reason, "seconds", time.Since(r.since).Seconds(),
		"bytes_to_peers", to.Bytes, "bytes_from_peers", from.Bytes)
	log.Debug("relay ended", "user", r.user, "client", r.client.String(), "relayed", r.relayed.String())
}

func (r *relay) snapshot() Allocation {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return Allocation{
		User: r.user, Protocol: r.endpoint.protocol, Client: r.client, Relayed: r.relayed,
		Since: r.since, Expires: time.Unix(0, r.expires.Load()),
		Permissions: len(r.permissions), Channels: len(r.channels),
		ToPeers: r.toPeers.load(), FromPeers: r.fromPeers.load(),
	}
}
