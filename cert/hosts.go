package cert

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// maxHosts is the most names, and the most addresses, in a certificate: a machine with
// many containers has hundreds of addresses, and every handshake contains the certificate.
const maxHosts = 100

// sans holds the subject alternative names of a certificate, each once, and at most
// maxHosts of each kind.
type sans struct {
	names []string
	addrs []netip.Addr
}

// Hosts returns the names and addresses at which this machine can be reached from its
// networks: localhost, its name, its name in multicast DNS, and the addresses of its
// interfaces that are up. It sends no queries.
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
		return hosts // the part that does not need the interfaces
	}
	for _, addr := range addrs {
		prefix, err := netip.ParsePrefix(addr.String())
		if err != nil || prefix.Addr().IsLinkLocalUnicast() {
			continue // a certificate cannot contain an address with a zone
		}
		hosts = append(hosts, prefix.Addr().String())
	}
	return hosts
}

// parseHosts divides hosts into names and addresses, and drops what a certificate cannot
// contain.
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

// normalName returns a DNS name in lower case without the trailing dot, or "" if it is not
// a valid name (RFC 1123, section 2.1).
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
