package turnserver

import (
	"time"

	"callbox/turnserver/limit"
)

// Defaults of Limits.
const (
	DefaultUserAllocations    = 8
	DefaultFixedAllocations   = 1000
	DefaultAddressAllocations = 200
	DefaultTotalAllocations   = 10000
	DefaultPermissions        = 64
	DefaultChannels           = 64
	DefaultAddressConnections = 200
	DefaultUserBytes          = 10_000_000
	DefaultUnauthenticated    = 100
)

// Limits bounds what clients may take. In each field 0 means the default of the
// same name, for TotalConnections and TotalBytes no limit, and a negative value no limit. A client
// address is an IPv4 address, or the /64 that an IPv6 client has.
type Limits struct {
	// UserAllocations, AddressAllocations and TotalAllocations bound the live
	// allocations of one user, of one client address and of the server. What is
	// over them is answered with 486 (Allocation Quota Reached). Unless
	// AddressAllocations is off, an address has at most an eighth of the relay
	// ports that are free or its own, or eight, and from a quarter of
	// AddressAllocations on a user gets one allocation from there in ten seconds.
	UserAllocations, AddressAllocations, TotalAllocations int
	// FixedAllocations bounds the live allocations of a user of Config.Users,
	// in the place of UserAllocations. A user name that is its expiry alone
	// counts as no user, since all who got one in the same second share it.
	FixedAllocations int
	// Permissions and Channels bound those of one allocation. What is over them
	// is answered with 508 (Insufficient Capacity).
	Permissions, Channels int
	// AddressConnections bounds the open TCP and TLS connections of one client
	// address. What is over it is closed at once.
	AddressConnections int
	// TotalConnections bounds those of all clients; 0 = no limit. A newcomer
	// takes the place of a connection without an allocation, of the address that
	// has most of those, and is closed only when there is none.
	TotalConnections int
	// UserBytes and TotalBytes bound the payload that is relayed in a second,
	// both ways together, for one user with all its allocations, and for all. A
	// second's worth may come at once. What is over them is dropped. Where many
	// may share a name, as that of Config.Users, or an expiry alone, UserBytes
	// bounds each allocation by itself.
	UserBytes, TotalBytes int
	// Unauthenticated bounds the answers in a second to one client address over
	// UDP for requests that prove nothing: binding requests, and those without
	// a credential or with a wrong one. Ten seconds' worth may come at once.
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

// userBucket returns what bounds the bytes of a new user, nil when nothing does.
func (l *Limits) userBucket() *limit.Bucket { return limit.NewBucket(l.UserBytes, l.UserBytes) }

// userRefill is how long an empty userBucket takes to be full again, so that a
// new one would be the same.
func (l *Limits) userRefill() time.Duration {
	return time.Second * time.Duration(1+limit.MinBurst/l.UserBytes)
}

// totalBucket returns what bounds the bytes of all users, nil when nothing does.
func (l *Limits) totalBucket() *limit.Bucket { return limit.NewBucket(l.TotalBytes, l.TotalBytes) }

// sources returns what bounds the answers to those who proved nothing, nil when
// nothing does.
func (l *Limits) sources() *limit.Sources {
	const seconds = 10
	return limit.NewSources(l.Unauthenticated, seconds*l.Unauthenticated)
}

// reached says whether count things are all that limit allows.
func reached(count, limit int) bool { return limit > 0 && count >= limit }
