package main

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
	"time"

	"callbox/internal/netaddr"
	"callbox/signaling/protocol"
	"callbox/turnserver"
)

// credentialLife is how long a TURN credential can be used to create a relay.
const credentialLife = 10 * time.Minute

// turnEndpoint is a bound socket of the TURN server.
type turnEndpoint struct {
	protocol turnserver.Protocol
	addr     netip.AddrPort
}

// iceServers creates the ICE servers for a peer in a room.
type iceServers struct {
	endpoints []turnEndpoint // in order of preference: udp, tcp, tls
	publicIPs func() []netip.Addr
	machine   *machine
	// leaf returns the certificate of TURN over TLS; nil = one for all addresses of
	// this machine.
	leaf       func() *x509.Certificate
	credential func(peer string, ttl time.Duration) (username, password string)
	// second is where STUN alone is served; invalid = nowhere.
	second netip.AddrPort
}

// httpsPort is the TCP port that hardly any network blocks.
const httpsPort = 443

// offered returns the sockets of the TURN server to offer to clients. TURN over TLS is
// offered once, because clients create a relay for each URL: on the port of HTTPS if
// that is the standard one or if there is no other.
func (l *listeners) offered() []turnEndpoint {
	if !l.shared {
		return l.endpoints()
	}
	web := netaddr.AddrPort(l.https.Addr())
	if web.Port() != httpsPort && len(l.turnTLS) > 0 {
		return l.endpoints()
	}
	alone := *l
	alone.turnTLS = nil
	return append(alone.endpoints(), turnEndpoint{turnserver.TLS, web})
}

// endpoints returns the bound sockets that only the TURN server uses.
func (l *listeners) endpoints() []turnEndpoint {
	var endpoints []turnEndpoint
	for _, conn := range l.turnUDP {
		endpoint := turnEndpoint{turnserver.UDP, netaddr.AddrPort(conn.LocalAddr())}
		if !slices.Contains(endpoints, endpoint) { // several sockets may share an address
			endpoints = append(endpoints, endpoint)
		}
	}
	for _, listener := range l.turnTCP {
		endpoints = append(endpoints, turnEndpoint{turnserver.TCP, netaddr.AddrPort(listener.Addr())})
	}
	for _, listener := range l.turnTLS {
		endpoints = append(endpoints, turnEndpoint{turnserver.TLS, netaddr.AddrPort(listener.Addr())})
	}
	return endpoints
}

// forPeer returns the ICE servers for a peer whose request arrived at the local address
// arrived, and how long its credential is valid.
func (s *iceServers) forPeer(peer string, arrived netip.Addr) ([]protocol.ICEServer, time.Duration) {
	username, credential := s.credential(peer, credentialLife)
	return s.with(username, credential, arrived), credentialLife
}

// with returns the ICE servers with a credential.
func (s *iceServers) with(username, credential string, arrived netip.Addr) []protocol.ICEServer {
	stun, turn := s.urls(arrived.Unmap())
	var servers []protocol.ICEServer
	if len(stun) > 0 {
		servers = append(servers, protocol.ICEServer{URLs: stun})
	}
	if len(turn) > 0 {
		servers = append(servers, protocol.ICEServer{URLs: turn, Username: username, Credential: credential})
	}
	return servers
}

// onThisMachine returns the ICE servers with a credential, at addresses of this machine alone.
func (s *iceServers) onThisMachine(username, credential string) []protocol.ICEServer {
	local := *s
	local.publicIPs = func() []netip.Addr { return nil }
	local.leaf = nil // its names are not those of this machine, and would have to be resolved
	return local.with(username, credential, loopback())
}

// mapping returns the URIs of two STUN ports of one address, from whose answers a client finds out how
// its NAT maps, or nil if there are no two.
func (s *iceServers) mapping(arrived netip.Addr) []string {
	arrived = arrived.Unmap()
	second := turnEndpoint{turnserver.UDP, s.second}
	for _, first := range s.reachable(arrived) {
		if !s.second.IsValid() || first.protocol != turnserver.UDP {
			continue
		}
		if host := s.host(first, arrived); host == s.host(second, arrived) {
			return []string{
				"stun:" + netip.AddrPortFrom(host, first.addr.Port()).String(),
				"stun:" + netip.AddrPortFrom(host, second.addr.Port()).String(),
			}
		}
	}
	return nil
}

// urls returns the STUN and TURN URIs (RFC 7064, RFC 7065) of the bound sockets, each
// once. One for STUN is enough, because a TURN server returns the same address, and
// each further one slows down gathering in browsers.
func (s *iceServers) urls(arrived netip.Addr) (stun, turn []string) {
	for _, endpoint := range s.reachable(arrived) {
		host := s.host(endpoint, arrived)
		at := netip.AddrPortFrom(host, endpoint.addr.Port()).String()
		switch endpoint.protocol {
		case turnserver.UDP:
			if len(stun) == 0 {
				stun = append(stun, "stun:"+at)
			}
			turn = append(turn, "turn:"+at+"?transport=udp")
		case turnserver.TCP:
			turn = append(turn, "turn:"+at+"?transport=tcp")
		case turnserver.TLS:
			if at = s.certified(host, at); at != "" {
				turn = append(turn, "turns:"+at+"?transport=tcp")
			}
		}
	}
	return stun, compact(turn)
}

// reachable returns, for each protocol, the sockets that also receive on the arrived
// address, or all sockets if none do.
func (s *iceServers) reachable(arrived netip.Addr) []turnEndpoint {
	var chosen []turnEndpoint
	for _, protocol := range []turnserver.Protocol{turnserver.UDP, turnserver.TCP, turnserver.TLS} {
		var all, covering []turnEndpoint
		for _, endpoint := range s.endpoints {
			if endpoint.protocol != protocol {
				continue
			}
			all = append(all, endpoint)
			if endpoint.takes(arrived) {
				covering = append(covering, endpoint)
			}
		}
		if len(s.publicIPs()) > 0 || len(covering) == 0 {
			covering = all
		}
		chosen = append(chosen, covering...)
	}
	return chosen
}

// takes reports whether the socket receives what is sent to a local address. A socket
// that is bound to :: also receives IPv4.
func (e turnEndpoint) takes(local netip.Addr) bool {
	bound := e.addr.Addr()
	return bound == local || bound.IsUnspecified() && (bound.Is6() || local.Is4())
}

// host returns the address to give a client for a socket: the public one of the
// family that the client uses, or else that of the socket, or else the one at which
// the client reached this machine.
func (s *iceServers) host(endpoint turnEndpoint, arrived netip.Addr) netip.Addr {
	if public := s.publicIPs(); len(public) > 0 {
		for _, addr := range public {
			if addr.Is4() == arrived.Is4() {
				return addr
			}
		}
		return public[0]
	}
	if bound := endpoint.addr.Addr(); !bound.IsUnspecified() {
		return bound
	}
	// An address with a zone is meaningless on another machine.
	if arrived.IsValid() && arrived.Zone() == "" && endpoint.takes(arrived) {
		return arrived
	}
	if addr := s.machine.first(true); addr.IsValid() {
		return addr
	}
	return s.machine.any()
}

// certified returns host and port for a URI of TURN over TLS. Clients check that the
// certificate is for the host, so if it is not for the address, the host must be a
// name in the certificate. It returns "" if there is none.
func (s *iceServers) certified(host netip.Addr, at string) string {
	if s.leaf == nil {
		return at
	}
	leaf := s.leaf()
	if leaf.VerifyHostname(host.String()) == nil {
		return at
	}
	for _, name := range leaf.DNSNames {
		if !strings.Contains(name, "*") {
			return name + at[strings.LastIndexByte(at, ':'):]
		}
	}
	return ""
}

// compact removes duplicates and keeps the order.
func compact(urls []string) []string {
	var once []string
	for _, url := range urls {
		if !slices.Contains(once, url) {
			once = append(once, url)
		}
	}
	return once
}
