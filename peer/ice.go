package peer

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"callbox/signaling/protocol"
)

// ICEPolicy says which candidates a call may use.
//
// With All, a call begins over a relay if no direct pair has worked within 0.2 s, and moves
// to a direct pair when one works, if this side is controlling (RFC 8445, section 6.1.1).
//
// Host and Srflx withhold all other candidates, both local and remote ones. That
// decides which candidates are offered and tried, but it is no guarantee: a check
// that arrives from an address that was not signalled creates a peer-reflexive
// candidate (RFC 8445 section 7.3.1.3), and the pair with it may be selected. Relay
// is a guarantee, because there is no socket except the one to the TURN server.
type ICEPolicy string

// The ICE policies. The zero value means All.
const (
	All   ICEPolicy = "all"
	Host  ICEPolicy = "host"
	Srflx ICEPolicy = "srflx"
	Relay ICEPolicy = "relay"
)

// TURNProtocol is the transport protocol between a peer and a TURN server.
type TURNProtocol string

// The TURN protocols. The zero value means any of them.
const (
	TURNOverUDP TURNProtocol = "udp"
	TURNOverTCP TURNProtocol = "tcp"
	TURNOverTLS TURNProtocol = "tls"
)

// allows reports whether candidates of a type (RFC 8839: host, srflx, prflx, relay)
// may be used.
func (p ICEPolicy) allows(candidateType string) bool {
	switch p {
	case Host, Srflx:
		return candidateType == string(p)
	default: // Relay gathers no other local candidates; the other side's may be of any type
		return true
	}
}

// transportPolicy returns the part of the policy that Pion itself can enforce.
func (p ICEPolicy) transportPolicy() webrtc.ICETransportPolicy {
	switch p {
	case Relay:
		return webrtc.ICETransportPolicyRelay
	case Srflx:
		return webrtc.ICETransportPolicyNoHost
	default:
		return webrtc.ICETransportPolicyAll
	}
}

// candidateType returns the type of a candidate line (RFC 8839 section 5.1), "" when it has none.
func candidateType(candidate string) string {
	fields := strings.Fields(candidate)
	for i := range len(fields) - 1 {
		if fields[i] == "typ" {
			return fields[i+1]
		}
	}
	return ""
}

// candidateAddress returns the address of a candidate line; invalid if it has a name.
func candidateAddress(candidate string) netip.AddrPort {
	fields := strings.Fields(candidate)
	if len(fields) < 6 {
		return netip.AddrPort{}
	}
	address, err := netip.ParseAddrPort(net.JoinHostPort(fields[4], fields[5]))
	if err != nil {
		return netip.AddrPort{}
	}
	return address
}

// turnProtocol returns the protocol of a TURN URL (RFC 7065); false for STUN URLs,
// for TURN over DTLS, and for anything that is not an ICE URL.
func turnProtocol(text string) (TURNProtocol, bool) {
	uri, err := stun.ParseURI(text)
	if err != nil {
		return "", false
	}
	switch {
	case uri.Scheme == stun.SchemeTypeTURNS && uri.Proto == stun.ProtoTypeTCP:
		return TURNOverTLS, true
	case uri.Scheme == stun.SchemeTypeTURN && uri.Proto == stun.ProtoTypeTCP:
		return TURNOverTCP, true
	case uri.Scheme == stun.SchemeTypeTURN && uri.Proto == stun.ProtoTypeUDP:
		return TURNOverUDP, true
	default:
		return "", false
	}
}

// iceServers returns ICEServers, or else those of the signaling server.
func (c *Config) iceServers(offered []protocol.ICEServer) []protocol.ICEServer {
	if c.ICEServers != nil {
		return c.ICEServers
	}
	return offered
}

// selectServers returns the ICE servers that policy and TURN protocol allow. If an
// address is offered both for plain TCP and for TLS, TLS is used.
func selectServers(servers []protocol.ICEServer, policy ICEPolicy, only TURNProtocol) []webrtc.ICEServer {
	if policy == Host {
		return nil
	}
	secure := make(map[string]bool)
	for _, s := range servers {
		for _, u := range s.URLs {
			if p, ok := turnProtocol(u); ok && p == TURNOverTLS {
				secure[serverAddress(u)] = true
			}
		}
	}
	keep := func(u string) bool {
		p, isTURN := turnProtocol(u)
		switch {
		case !isTURN:
			return strings.HasPrefix(u, "stun:")
		case policy == Srflx || only != "" && p != only:
			return false
		default:
			return p != TURNOverTCP || only == TURNOverTCP || !secure[serverAddress(u)]
		}
	}
	var selected []webrtc.ICEServer
	for _, s := range servers {
		var urls []string
		for _, u := range s.URLs {
			if keep(u) {
				urls = append(urls, u)
			}
		}
		if len(urls) > 0 {
			selected = append(selected, webrtc.ICEServer{URLs: urls, Username: s.Username, Credential: s.Credential})
		}
	}
	return selected
}

// serverAddress returns host:port of an ICE URL.
func serverAddress(text string) string {
	uri, err := stun.ParseURI(text)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(uri.Host, fmt.Sprint(uri.Port))
}

// turnURLs returns the TURN URLs of servers with a protocol; "" = any.
func turnURLs(servers []webrtc.ICEServer, only string) (urls []string) {
	for _, s := range servers {
		for _, u := range s.URLs {
			if p, ok := turnProtocol(u); ok && (only == "" || string(p) == only) {
				urls = append(urls, u)
			}
		}
	}
	return urls
}

// isLoopback reports whether the signaling server is reached at a loopback address
// of this machine. Then the call may stay on this machine, too, and loopback
// candidates are worth offering.
func isLoopback(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	if strings.EqualFold(u.Hostname(), "localhost") {
		return true
	}
	address, err := netip.ParseAddr(u.Hostname())
	return err == nil && address.IsLoopback()
}
