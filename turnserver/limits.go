package turnserver

import (
	"time"

	"callbox/turnserver/limit"
)

// Defaults of Limits.
const (
	DefaultUserAllocations    = 24
	DefaultFixedAllocations   = 1000
	DefaultAddressAllocations = 200
	DefaultTotalAllocations   = 10000
	DefaultPermissions        = 64
	DefaultChannels           = 64
	DefaultAddressConnections = 200
	DefaultUserBytes          = 10_000_000
	DefaultUnauthenticated    = 100
)

// Limits bounds what clients may use. In each field a negative value means no limit, and 0 the
// default of the same name; for TotalConnections and TotalBytes, 0 means no limit, too. A client
// address is an IPv4 address, or the /64 network of an IPv6 address.
type Limits struct {
	// UserAllocations, AddressAllocations and TotalAllocations bound the live
	// allocations of one user, of one client address and of the server. More are
	// refused with 486 (Allocation Quota Reached). Unless AddressAllocations is
	// negative, an address also has at most an eighth of the relay ports that are free
	// or its own, or eight if that is more; and when it has a quarter of
	// AddressAllocations, each user there gets only one allocation in ten seconds.
	UserAllocations, AddressAllocations, TotalAllocations int
	// FixedAllocations bounds the live allocations of a user of Config.Users, instead
	// of UserAllocations. A user name that is only its expiry does not count as a user,
	// since all who got one in the same second share it.
	FixedAllocations int
	// Permissions and Channels bound those of one allocation. More are refused with 508
	// (Insufficient Capacity).
	Permissions, Channels int
	// AddressConnections bounds the open TCP and TLS connections of one client address.
	// More are closed at once.
	AddressConnections int
	// TotalConnections bounds those of all clients; 0 = no limit. A new one displaces a
	// connection without an allocation, of the address that has most of those, and is
	// closed only when there is none.
	TotalConnections int
	// UserBytes and TotalBytes bound the payload, in bytes per second, that is relayed
	// in both directions together, for one user with all its allocations, and for all
	// users. The burst is one second's worth. More is dropped. Where many may share a
	// user name, that of Config.Users or one that is only an expiry, UserBytes bounds
	// each allocation by itself.
	UserBytes, TotalBytes int
	// Unauthenticated bounds how many requests of one client address over UDP are
	// answered in a second that are not authenticated: Binding requests, and those
	// without a credential or with a wrong one. The burst is ten seconds' worth.
	Unauthenticated int
}

func (l *Limits) normalize() {
	for _, limit := range []struct {
		value    *int
		fallback int
	}{
		{&l.UserAllocations, DefaultUserAllocations},
		{&l.FixedAllocations, DefaultFixedAllocations},
		{&l.AddressAllocations, DefaultAddressAllocations},
		{&l.TotalAllocations, DefaultTotalAllocations},
		{&l.Permissions, DefaultPermissions},
		{&l.Channels, DefaultChannels},
		{&l.AddressConnections, DefaultAddressConnections},
		{&l.UserBytes, DefaultUserBytes},
		{&l.Unauthenticated, DefaultUnauthenticated},
	} {
		if *limit.value == 0 {
			*limit.value = limit.fallback
		}
	}
}

// userBucket returns the rate limit of a new user; nil = no limit.
func (l *Limits) userBucket() *limit.Bucket { return limit.NewBucket(l.UserBytes, l.UserBytes) }

// userRefill returns after how long an empty userBucket is full again, so that it is the same as
// a new one.
func (l *Limits) userRefill() time.Duration {
	return time.Second * time.Duration(1+limit.MinBurst/l.UserBytes)
}

// totalBucket returns the rate limit of all users together; nil = no limit.
func (l *Limits) totalBucket() *limit.Bucket { return limit.NewBucket(l.TotalBytes, l.TotalBytes) }

// sources returns the limit of answers to unauthenticated requests; nil = no limit.
func (l *Limits) sources() *limit.Sources {
	const seconds = 10
	return limit.NewSources(l.Unauthenticated, seconds*l.Unauthenticated)
}

// reached reports whether limit allows no more than count.
func reached(count, limit int) bool { return limit > 0 && count >= limit }
