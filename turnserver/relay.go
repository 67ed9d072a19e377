package turnserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"callbox/turnserver/datapath"
	"callbox/turnserver/wire"
)

// permissionGap is how close to its end an allocation takes no new permission.
// pion publishes a permission before it starts the permission's timer, and
// stops that timer when the allocation ends: at once, both would be a nil
// dereference.
const permissionGap = time.Second

// Traffic counts datagrams and the bytes of their payload.
type Traffic = datapath.Count

// relay is one allocation: pion has it for a socket, but what is relayed passes
// through the data path.
type relay struct {
	data           *datapath.Relay
	endpoint       *endpoint
	address        *relayAddress
	relayed, bound netip.AddrPort
	relayedAddr    *net.UDPAddr // what pion knows the allocation by
	client         netip.AddrPort
	username, user string
	kind           accountKind
	since          time.Time
	key            []byte // it was made with

	// What its Allocate was answered, to be told again.
	id       wire.TransactionID
	granted  time.Duration
	reserved []byte // RESERVATION-TOKEN of the next port; nil = none
	missing  int    // why there is no relay of the other family; 0 = none was asked for

	refused atomic.Bool // a refusal was logged
	lived   atomic.Bool // the allocation was made
	state   relayState  // belongs to the registry
	// displaced says that it ends to make room for another one; it belongs to
	// the registry.
	displaced bool
	expires   atomic.Int64
	reason    atomic.Pointer[string] // why it is going to end; nil = not known

	closeOnce sync.Once
}

// ReadFrom is what pion has a goroutine for. Nothing comes this way, so the
// goroutine ends itself: an error would have pion delete the allocation.
func (r *relay) ReadFrom([]byte) (int, net.Addr, error) {
	r.endpoint.work.Done()
	runtime.Goexit()
	return 0, nil, net.ErrClosed
}

// WriteTo is part of net.PacketConn: pion is never handed what is to be sent.
func (r *relay) WriteTo([]byte, net.Addr) (int, error) { return 0, errors.ErrUnsupported }

// LocalAddr, and what follows, are part of net.PacketConn.
func (r *relay) LocalAddr() net.Addr              { return r.relayedAddr }
func (r *relay) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (r *relay) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (r *relay) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// account is whom the relay is counted for.
func (r *relay) account() account { return account{r.user, r.kind} }

// keeps says whether a request is signed with the key that the
// allocation was made with: that stays good for it when the credential expires
// and when its secret goes, but not when its user is revoked, or is a fixed one
// that is gone.
func (r *relay) keeps(username, realm string, m wire.Message) bool {
	c := &r.endpoint.server.credentials
	return r.username == username && realm == c.realm && m.CheckIntegrity(r.key) &&
		!r.isRevoked()
}

// isRevoked reports whether the user of the allocation is revoked, or is a fixed
// one that is gone.
func (r *relay) isRevoked() bool {
	c := &r.endpoint.server.credentials
	return c.revoked.refuses(r.user, time.Time{}, c.now()) || !r.hasUser()
}

// hasUser reports whether the fixed user that the allocation was made for is
// still there, with the same password. It is true for all others.
func (r *relay) hasUser() bool {
	return r.kind != fixed || r.endpoint.server.credentials.stillHas(r.user, r.key)
}

// refuse tells once for each allocation which rule stood against a peer.
func (r *relay) refuse(rule string, peer netip.Addr) {
	log := r.endpoint.server.log
	if !r.refused.Swap(true) {
		log.Info("relay refuses a peer", "user", r.user, "rule", rule)
	}
	if log.Enabled(context.Background(), slog.LevelDebug) { // may be each packet
		log.Debug("relay refuses a peer", "user", r.user, "rule", rule, "peer", peer.String())
	}
}

// admit says whether the allocation has room for permissions and, if channel is
// not 0, for that channel.
func (r *relay) admit(peers []netip.AddrPort, channel uint16) bool {
	limits := &r.endpoint.server.limits
	permissions, channels := r.data.Rights()
	fresh := map[netip.Addr]struct{}{}
	for _, peer := range peers {
		if !r.data.Permits(peer.Addr()) {
			fresh[peer.Addr()] = struct{}{}
		}
	}
	if n := len(fresh); n > 0 && reached(permissions+n-1, limits.Permissions) {
		return false
	}
	return channel == 0 || r.data.HasChannel(channel) || !reached(channels, limits.Channels)
}

// isIdle reports whether nothing has gone through the relay yet.
func (r *relay) isIdle() bool {
	traffic := r.data.Traffic()
	return traffic.ToPeers.Total().Bytes == 0 && traffic.FromPeers.Total().Bytes == 0
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

// end has pion end the allocation, soon.
func (r *relay) end() { r.endpoint.end(r) }

// Close ends the allocation's account. It never fails, since pion stops closing
// other allocations at the first failure.
func (r *relay) Close() error {
	r.closeOnce.Do(func() {
		reason, wasLive := r.endpoint.server.relays.remove(r)
		r.data.Close()
		if wasLive {
			r.endpoint.forget(r)
			r.logEnd(reason)
			r.endpoint.work.Done()
		}
	})
	return nil
}

// socketClosed frees the relay's port.
func (r *relay) socketClosed() {
	if r.lived.Load() {
		r.address.ports.release(r.bound.Port())
	} else {
		r.address.ports.restore(r.bound.Port())
	}
}

func (r *relay) logEnd(reason string) {
	traffic := r.data.Traffic()
	to, from := traffic.ToPeers.Total(), traffic.FromPeers.Total()
	log := r.endpoint.server.log
	log.Info("relay ended", "user", r.user, "protocol", string(r.endpoint.protocol),
		"reason", reason, "seconds", time.Since(r.since).Seconds(),
		"bytes_to_peers", to.Bytes, "bytes_from_peers", from.Bytes)
	log.Debug("relay ended", "user", r.user, "client", r.client.String(), "relayed", r.relayed.String())
}

func (r *relay) snapshot() Allocation {
	traffic := r.data.Traffic()
	permissions, channels := r.data.Rights()
	return Allocation{
		User: r.user, Protocol: r.endpoint.protocol, Client: r.client, Relayed: r.relayed,
		Since: r.since, Expires: time.Unix(0, r.expires.Load()),
		Permissions: permissions, Channels: channels,
		ToPeers: traffic.ToPeers.Total(), FromPeers: traffic.FromPeers.Total(),
	}
}
