package cert

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// maxHosts bounds the names and the addresses in a certificate: a machine of
// many containers has hundreds, and a handshake carries them all.
const maxHosts = 100

// sans are the subject alternative names of a certificate, once each, the first
// ones of more than maxHosts.
type sans struct {
	names []string
	addrs []netip.Addr
}

// Hosts returns the names and addresses that this machine can be reached
// under from its networks: localhost, its name, its name in multicast DNS and
// the addresses of its interfaces that are up. It asks nobody.
func Hosts() []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name := hostName(); name != "" {
		hosts = append(hosts, name)
		if !strings.Contains(name, ".") {
			hosts = append(hosts, name+".local")
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return hosts // what can be known without the interfaces
	}
	for _, addr := range addrs {
		prefix, err := netip.ParsePrefix(addr.String())
		if err != nil || prefix.Addr().IsLinkLocalUnicast() {
			continue // an address with a zone cannot stand in a certificate
		}
		hosts = append(hosts, prefix.Addr().String())
	}
	return hosts
}

// parseHosts sorts hosts into names and addresses and leaves out what cannot
// stand in a certificate.
func parseHosts(hosts []string) sans {
	var out sans
	for _, host := range hosts {
		if addr, err := netip.ParseAddr(host); err == nil {
			addr = addr.Unmap()
			if addr.Zone() == "" && !addr.IsUnspecified() && len(out.addrs) < maxHosts && !slices.Contains(out.addrs, addr) {
				out.addrs = append(out.addrs, addr)
			}
		} else if name := normalName(host); name != "" && len(out.names) < maxHosts && !slices.Contains(out.names, name) {
			out.names = append(out.names, name)
		}
	}
	return out
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "" // a machine without a name still has addresses
	}
	return normalName(name)
}

// normalName returns a DNS name in lower case without the final dot, or ""
// when it is none (RFC 1123, section 2.1).
func normalName(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" || len(name) > 253 {
		return ""
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return ""
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return ""
			}
		}
	}
	return name
}
