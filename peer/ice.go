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
// Host and Srflx withhold all other candidates, one's own and the other side's.
// That decides what is offered and tried, and does not bind the connection: a
// check that arrives from an address nobody named makes a peer-reflexive
// candidate (RFC 8445 section 7.3.1.3), and the pair with it may be selected.
// Relay binds: there are no other sockets than that to the TURN server.
type ICEPolicy string

// The ICE policies. The zero value means All.
const (
	All   ICEPolicy = "all"
	Host  ICEPolicy = "host"
	Srflx ICEPolicy = "srflx"
	Relay ICEPolicy = "relay"
)

// TURNProtocol is how a peer speaks with a TURN server.
type TURNProtocol string

// The TURN protocols. The zero value means any of them.
const (
	TURNOverUDP TURNProtocol = "udp"
	TURNOverTCP TURNProtocol = "tcp"
	TURNOverTLS TURNProtocol = "tls"
)

// allows says whether candidates of a type (RFC 8839: host, srflx, prflx, relay) may be used.
func (p ICEPolicy) allows(candidateType string) bool {
	switch p {
	case Host, Srflx:
		return candidateType == string(p)
	default: // Relay is held to by gathering nothing else; the other side may do as it likes
		return true
	}
}

// transportPolicy is what of the policy Pion itself can hold to.
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

// candidateAddress returns the address of a candidate line; not valid for names.
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

// filterSDP takes the candidates that the policy does not allow out of a description.
func (p ICEPolicy) filterSDP(sdp string) string {
	var kept strings.Builder
	for line := range strings.Lines(sdp) {
		if rest, ok := strings.CutPrefix(line, "a=candidate:"); ok && !p.allows(candidateType(rest)) {
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}

// turnProtocol returns how a TURN URL (RFC 7065) is spoken; false for STUN
// URLs, for TURN over DTLS, and for what is no ICE URL.
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

// selectServers returns those of the server's ICE servers that policy and TURN
// protocol leave. An address that is offered both for plain TCP and for TLS is used with TLS.
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

// turnURLs returns the TURN URLs among servers that are spoken over a protocol.
func turnURLs(servers []webrtc.ICEServer, spoken string) (urls []string) {
	for _, s := range servers {
		for _, u := range s.URLs {
			if p, ok := turnProtocol(u); ok && (spoken == "" || string(p) == spoken) {
				urls = append(urls, u)
			}
		}
	}
	return urls
}

// isLoopback says whether the signaling server stands on this machine and is
// reached by its loopback address. Then a call may stay on the machine too, and
// loopback candidates are worth offering.
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
