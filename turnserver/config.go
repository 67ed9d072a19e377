// Package turnserver is a STUN and TURN server (RFC 8489, RFC 8656) for the
// relays of calls: time-limited credentials, peers refused by default where a
// relay could be turned against its own network, and an account of every
// allocation.
//
// Every socket belongs to the data path (package datapath), which relays what is
// permitted and hands over the rest. That is judged and answered here: who asks,
// and for what. pion/turn sees only requests that can be carried out, and keeps
// the state of allocations, permissions and channels.
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
	// DefaultLifetime and MaxLifetime of an allocation (RFC 8656 section 7.2);
	// MaxLifetime is a second below the hour that the RFC recommends, since pion
	// takes an hour and more for ten minutes.
	DefaultLifetime = 10 * time.Minute
	MaxLifetime     = time.Hour - time.Second
	// MinSecretBytes is the shortest shared secret that New accepts.
	MinSecretBytes = 16
	// MaxRealmBytes is the length of the longest realm that fits every client (RFC 8489
	// section 14.9: fewer than 128 characters).
	MaxRealmBytes = 127
)

// Protocol says how a client reaches the server.
type Protocol string

// The protocols between client and server. The relay itself is always UDP.
const (
	UDP Protocol = "udp"
	TCP Protocol = "tcp"
	TLS Protocol = "tls"
)

// Memory is a budget of bytes, in all and by client address. Its methods must not
// wait. What Take has granted is given back, in all, in the same amount.
type Memory = datapath.Memory

// Listener is a stream listener for TURN clients. Its Protocol is TCP or TLS.
// The Accept of a TLS listener returns connections whose handshake has not
// happened yet, as tls.NewListener's does; the server carries it out.
type Listener struct {
	net.Listener
	Protocol Protocol
}

// Config is what New needs.
type Config struct {
	// Realm of the long-term credentials; empty = DefaultRealm.
	Realm string
	// Secrets that sign credentials; the first signs new ones, all are
	// accepted. At least one unless there are Users, each of at least
	// MinSecretBytes.
	Secrets [][]byte
	// Users have passwords that do not end by themselves. Server.Credential
	// never makes a credential of theirs.
	Users []User
	// PacketConns and Listeners take clients. From a successful New on the
	// server owns them and closes them. A PacketConn need not be a
	// *net.UDPConn, but its addresses must be *net.UDPAddr.
	PacketConns []net.PacketConn
	Listeners   []Listener
	// RelayIPs are the local addresses that relay sockets bind to; each must be
	// a concrete one.
	RelayIPs []netip.Addr
	// PublicIPs are what clients are told instead of RelayIPs, when those stand
	// behind a NAT: either as many as RelayIPs and in their order, or one for
	// each family. Empty = RelayIPs.
	PublicIPs []netip.Addr
	// RelayPorts is the range of relay ports on each of RelayIPs; the zero value
	// means DefaultRelayPorts.
	RelayPorts PortRange
	// AllowPeers wins over DenyPeers and the built-in deny list, even for
	// loopback.
	AllowPeers, DenyPeers []netip.Prefix
	// ListenPacket opens relay sockets: network is "udp4" or "udp6", address an
	// IP and port. Nil = the kernel's sockets.
	ListenPacket func(network, address string) (net.PacketConn, error)
	Limits       Limits
	// Memory bounds what connections of clients hold, over TCP and TLS; nil = no
	// bound beside Limits. A connection that it has nothing for is closed, and
	// what it has no room for in the queue of a client is dropped.
	Memory Memory
	// DefaultFamily is the address family of a relay whose client asks for none;
	// empty = FamilyAuto.
	DefaultFamily Family
	// MinLifetime is the shortest lifetime that an allocation is granted, in
	// whole seconds up to MaxLifetime; 0 = DefaultLifetime, as RFC 8656 section
	// 7.2 recommends.
	MinLifetime time.Duration
	// NoShortCut sends what goes from one relay to another by way of the kernel,
	// and NoOffload has the kernel join and split no datagrams: for measurements.
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
