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

// permissionGap is how long before its end an allocation takes no new permissions. pion publishes a
// permission before it starts the permission's timer, and stops that timer when the allocation
// ends: at the same moment, that would be a nil dereference.
const permissionGap = time.Second

// Traffic is a number of datagrams, and of the bytes of their payload.
type Traffic = datapath.Count

// allocation is one allocation (RFC 8656 section 3.2). To pion it is the relay socket, but what is
// relayed goes through the data path.
type allocation struct {
	data           *datapath.Relay
	endpoint       *endpoint
	address        *relayAddress
	relayed, bound netip.AddrPort
	relayedAddr    *net.UDPAddr // relayed, for pion
	client         netip.AddrPort
	username, user string
	kind           accountKind
	check          *check // nil = it is not of a check
	since          time.Time
	key            []byte // of the credential that it was made with

	// These are for the response to its Allocate request, which may be sent again.
	id          wire.TransactionID
	granted     time.Duration
	reserved    []byte // RESERVATION-TOKEN of the next port; nil = none
	missingCode int    // code why there is no address of the other family; 0 = none was asked for

	deniedLogged atomic.Bool     // a denied peer was logged
	wasLive      atomic.Bool     // it was live at some time
	state        allocationState // belongs to the registry
	// displaced: it ends to make room for another one. It belongs to the registry.
	displaced bool
	expires   atomic.Int64
	reason    atomic.Pointer[string] // why it is about to end; nil = it is not

	closeOnce sync.Once
}

// ReadFrom is called by a goroutine of pion. Nothing is received here, so it ends that goroutine:
// on an error, pion would delete the allocation.
func (a *allocation) ReadFrom([]byte) (int, net.Addr, error) {
	a.endpoint.work.Done()
	runtime.Goexit()
	return 0, nil, net.ErrClosed
}

// WriteTo is part of net.PacketConn. pion never gets data to send.
func (a *allocation) WriteTo([]byte, net.Addr) (int, error) { return 0, errors.ErrUnsupported }

// LocalAddr, and what follows, are part of net.PacketConn.
func (a *allocation) LocalAddr() net.Addr              { return a.relayedAddr }
func (a *allocation) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (a *allocation) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (a *allocation) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// account returns the user that the allocation is counted for.
func (a *allocation) account() account { return account{a.user, a.kind, a.check} }

// accepts reports whether a request is signed with the key that the allocation was made with. That
// key stays valid for the allocation when the credential expires and when its secret is removed,
// but not when the user is revoked, or is a fixed one that is gone.
func (a *allocation) accepts(username, realm string, m wire.Message) bool {
	c := &a.endpoint.server.credentials
	return a.username == username && realm == c.realm && m.CheckIntegrity(a.key) &&
		!a.isRevoked()
}

// isRevoked reports whether the user of the allocation is revoked, or is a fixed one that is gone.
func (a *allocation) isRevoked() bool {
	c := &a.endpoint.server.credentials
	return c.revoked.refuses(a.user, time.Time{}, c.now()) || !a.hasUser()
}

// hasUser reports whether the fixed user that the allocation was made for still exists with the
// same password. It returns true for all other users.
func (a *allocation) hasUser() bool {
	return a.kind != fixed || a.endpoint.server.credentials.stillHas(a.user, a.key)
}

// logDenied logs that a rule denies a peer, once for each allocation above debug level.
func (a *allocation) logDenied(rule string, peer netip.Addr) {
	log := a.endpoint.server.log
	if !a.deniedLogged.Swap(true) {
		log.Info("relay refuses a peer", "user", a.user, "rule", rule)
	}
	if log.Enabled(context.Background(), slog.LevelDebug) { // may be each packet
		log.Debug("relay refuses a peer", "user", a.user, "rule", rule, "peer", peer.String())
	}
}

// hasRoom reports whether the limits allow permissions for peers and, if channel is not 0, that
// channel.
func (a *allocation) hasRoom(peers []netip.AddrPort, channel uint16) bool {
	limits := &a.endpoint.server.limits
	permissions, channels := a.data.Rights()
	fresh := map[netip.Addr]struct{}{}
	for _, peer := range peers {
		if !a.data.Permits(peer.Addr()) {
			fresh[peer.Addr()] = struct{}{}
		}
	}
	if n := len(fresh); n > 0 && reached(permissions+n-1, limits.Permissions) {
		return false
	}
	return channel == 0 || a.data.HasChannel(channel) || !reached(channels, limits.Channels)
}

// isIdle reports whether nothing has been relayed yet.
func (a *allocation) isIdle() bool {
	traffic := a.data.Traffic()
	return traffic.ToPeers.Total().Bytes == 0 && traffic.FromPeers.Total().Bytes == 0
}

func (a *allocation) setLifetime(lifetime time.Duration) {
	a.expires.Store(time.Now().Add(lifetime).UnixNano())
}

// endsSoon reports whether the allocation ends within permissionGap.
func (a *allocation) endsSoon() bool {
	return time.Until(time.Unix(0, a.expires.Load())) < permissionGap
}

// setEndReason sets why the allocation is about to end. The first reason stays.
func (a *allocation) setEndReason(reason string) { a.reason.CompareAndSwap(nil, &reason) }

// expiryLeeway is how much earlier than recorded an allocation may expire: pion starts its timer
// before the lifetime is recorded, and other goroutines may run in between.
const expiryLeeway = 500 * time.Millisecond

// endReason returns why the allocation ends now.
func (a *allocation) endReason() string {
	if reason := a.reason.Load(); reason != nil {
		return *reason
	}
	switch e := a.endpoint; {
	case e.server.closing.Load():
		return endClosed
	case e.isDone() && e.protocol != UDP:
		return endClientGone
	case time.Until(time.Unix(0, a.expires.Load())) < expiryLeeway:
		return endExpired
	default:
		return endFailed
	}
}

// end makes pion end the allocation soon.
func (a *allocation) end() { a.endpoint.end(a) }

// Close is called by pion when the allocation ends. It never fails, since pion stops closing other
// allocations at the first failure.
func (a *allocation) Close() error {
	a.closeOnce.Do(func() {
		reason, wasLive := a.endpoint.server.registry.remove(a)
		a.data.Close()
		if wasLive {
			a.endpoint.remove(a)
			a.logEnd(reason)
			a.endpoint.work.Done()
		}
	})
	return nil
}

// socketClosed gives the port back. The data path calls it when the socket is closed.
func (a *allocation) socketClosed() {
	if a.wasLive.Load() {
		a.address.ports.release(a.bound.Port())
	} else {
		a.address.ports.restore(a.bound.Port())
	}
}

func (a *allocation) logEnd(reason string) {
	traffic := a.data.Traffic()
	to, from := traffic.ToPeers.Total(), traffic.FromPeers.Total()
	log := a.endpoint.server.log
	log.Info("allocation ended", "user", a.user, "protocol", string(a.endpoint.protocol),
		"reason", reason, "seconds", time.Since(a.since).Seconds(),
		"bytes_to_peers", to.Bytes, "bytes_from_peers", from.Bytes)
	log.Debug("allocation ended", "user", a.user, "client", a.client.String(), "relayed", a.relayed.String())
}

func (a *allocation) snapshot() Allocation {
	traffic := a.data.Traffic()
	permissions, channels := a.data.Rights()
	return Allocation{
		User: a.user, Protocol: a.endpoint.protocol, Client: a.client, Relayed: a.relayed,
		Since: a.since, Expires: time.Unix(0, a.expires.Load()),
		Permissions: permissions, Channels: channels,
		ToPeers: traffic.ToPeers.Total(), FromPeers: traffic.FromPeers.Total(),
	}
}
