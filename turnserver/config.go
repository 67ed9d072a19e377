package turnserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"callbox/turnserver/datapath"
)

// Defaults and bounds of a server.
const (
	// DefaultRealm is the realm of a server whose Config names none.
	DefaultRealm = "callbox"
	// DefaultLifetime and MaxLifetime are lifetimes of an allocation (RFC 8656 section
	// 7.2). MaxLifetime is a second less than the hour that the RFC recommends, since pion
	// replaces an hour and more by ten minutes.
	DefaultLifetime = 10 * time.Minute
	MaxLifetime     = time.Hour - time.Second
	// MinSecretBytes is the length of the shortest shared secret that New accepts.
	MinSecretBytes = 16
	// MaxRealmBytes is the length of the longest realm that fits every client (RFC 8489
	// section 14.9: fewer than 128 characters).
	MaxRealmBytes = 127
)

// Protocol is the transport between a client and the server.
type Protocol string

// The protocols. Between the server and peers it is always UDP.
const (
	UDP Protocol = "udp"
	TCP Protocol = "tcp"
	TLS Protocol = "tls"
)

// Memory is a budget of bytes, in all and for each client address. Its methods must not wait.
// All that Take has granted is given back in the end, not always in the same portions.
type Memory = datapath.Memory

// Listener accepts connections of TURN clients. Its Protocol is TCP or TLS. Accept of a TLS
// listener returns connections before their handshake, as that of tls.NewListener does; the
// server carries the handshake out.
type Listener struct {
	net.Listener
	Protocol Protocol
}

// Config configures a server.
type Config struct {
	// Realm is that of the long-term credentials, up to MaxRealmBytes; empty =
	// DefaultRealm.
	Realm string
	// Secrets sign credentials: the first signs new ones, all are accepted. Each has at
	// least MinSecretBytes. There must be one unless there are Users.
	Secrets [][]byte
	// Users are fixed users, whose passwords do not expire. Server.Credential never makes
	// a credential for them.
	Users []User
	// PacketConns and Listeners are what clients connect to; there must be one. After a
	// successful New the server owns and closes them. A PacketConn need not be a
	// *net.UDPConn, but its addresses must be *net.UDPAddr.
	PacketConns []net.PacketConn
	Listeners   []Listener
	// BindingConns answer Binding requests, with the same limits, and nothing else. With a second port
	// of the server, clients find out how their NAT maps. The server owns and closes them, too.
	BindingConns []net.PacketConn
	// RelayIPs are the local addresses that relay sockets are bound to, at least one. None
	// may be unspecified (such as 0.0.0.0), multicast, or given twice.
	RelayIPs []netip.Addr
	// PublicIPs are what clients are told instead of RelayIPs, when those are behind a
	// NAT: either as many as RelayIPs and in the same order, or one for each family.
	// Empty = RelayIPs.
	PublicIPs []netip.Addr
	// RelayPorts is the range of relay ports on each of RelayIPs; the zero value =
	// DefaultRelayPorts.
	RelayPorts PortRange
	// AllowPeers takes precedence over DenyPeers and the built-in deny list, even for
	// loopback addresses.
	AllowPeers, DenyPeers []netip.Prefix
	// ListenPacket opens relay sockets: network is "udp4" or "udp6", address an IP address
	// and port. Nil = net.ListenConfig.
	ListenPacket func(network, address string) (net.PacketConn, error)
	Limits       Limits
	// Memory bounds what TCP and TLS connections of clients hold; nil = only Limits do.
	// A connection that it has no memory for is closed, and what it has no memory for in
	// the queue of a client is dropped.
	Memory Memory
	// DefaultFamily is the address family of an allocation whose client asks for none;
	// empty = FamilyAuto.
	DefaultFamily Family
	// MinLifetime is the shortest lifetime of an allocation, in whole seconds up to
	// MaxLifetime; 0 = DefaultLifetime, as RFC 8656 section 7.2 recommends.
	MinLifetime time.Duration
	// NoShortCut sends datagrams between relays of this server through the kernel, and
	// NoOffload does not let the kernel coalesce and split datagrams: for measurements.
	NoShortCut, NoOffload bool
	// Now is the clock of credentials; nil = time.Now.
	Now    func() time.Time
	Logger *slog.Logger // nil = discard
}

// normalize fills the defaults in and tells every fault at once.
func (c *Config) normalize() error {
	if c.Realm == "" {
		c.Realm = DefaultRealm
	}
	if c.RelayPorts == (PortRange{}) {
		c.RelayPorts = DefaultRelayPorts()
	}
	if c.ListenPacket == nil {
		c.ListenPacket = func(network, address string) (net.PacketConn, error) {
			var lc net.ListenConfig
			return lc.ListenPacket(context.Background(), network, address)
		}
	}
	if c.DefaultFamily == "" {
		c.DefaultFamily = FamilyAuto
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MinLifetime == 0 {
		c.MinLifetime = DefaultLifetime
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Limits.normalize()
	return c.validate()
}

func (c *Config) validate() error {
	var errs []error
	if len(c.Realm) > MaxRealmBytes {
		errs = append(errs, fmt.Errorf("realm is longer than %d bytes", MaxRealmBytes))
	}
	if len(c.Secrets) > 0 || len(c.Users) == 0 {
		errs = append(errs, validateSecrets(c.Secrets))
	}
	if !slices.Contains(Families(), c.DefaultFamily) {
		errs = append(errs, fmt.Errorf("default address family %q is none of %v", c.DefaultFamily, Families()))
	}
	if c.MinLifetime < time.Second || c.MinLifetime > MaxLifetime || c.MinLifetime%time.Second != 0 {
		errs = append(errs, fmt.Errorf("shortest lifetime %s is not in whole seconds between %s and %s", c.MinLifetime, time.Second, MaxLifetime))
	}
	if len(c.PacketConns) == 0 && len(c.Listeners) == 0 {
		errs = append(errs, errors.New("no TURN listener"))
	}
	for _, l := range c.Listeners {
		if l.Listener == nil || (l.Protocol != TCP && l.Protocol != TLS) {
			errs = append(errs, fmt.Errorf("a TURN listener needs a net.Listener and the protocol tcp or tls, not %q", l.Protocol))
		}
	}
	if err := c.RelayPorts.validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func validateSecrets(secrets [][]byte) error {
	if len(secrets) == 0 {
		return errors.New("no TURN secret")
	}
	var errs []error
	for i, secret := range secrets {
		if len(secret) < MinSecretBytes {
			errs = append(errs, fmt.Errorf("TURN secret %d has %d bytes, at least %d are needed", i+1, len(secret), MinSecretBytes))
		}
	}
	return errors.Join(errs...)
}
