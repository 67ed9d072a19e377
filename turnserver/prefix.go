package turnserver

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// PortRange is a range of UDP ports, both ends included.
type PortRange struct{ Min, Max uint16 }

// DefaultRelayPorts is the range of dynamic ports (RFC 6335 section 6), which
// RFC 8656 section 7.2 recommends for relays.
func DefaultRelayPorts() PortRange { return PortRange{Min: 49152, Max: 65535} }

// UnmarshalText parses a range such as "49152-65535", or a single port.
func (r *PortRange) UnmarshalText(text []byte) error {
	first, last, isRange := strings.Cut(string(text), "-")
	if !isRange {
		last = first
	}
	low, err := parsePort(first)
	if err != nil {
		return fmt.Errorf("port range %.32q: %w", text, err)
	}
	high, err := parsePort(last)
	if err != nil {
		return fmt.Errorf("port range %.32q: %w", text, err)
	}
	parsed := PortRange{Min: low, Max: high}
	if err := parsed.validate(); err != nil {
		return err
	}
	*r = parsed
	return nil
}

// MarshalText is the reverse of UnmarshalText.
func (r PortRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func (r PortRange) String() string {
	return strconv.Itoa(int(r.Min)) + "-" + strconv.Itoa(int(r.Max))
}

func (r PortRange) validate() error {
	if r.Min == 0 {
		return fmt.Errorf("port range %s: ports begin at 1", r)
	}
	if r.Min > r.Max {
		return fmt.Errorf("port range %s ends before it begins", r)
	}
	return nil
}

func parsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("%.16q is not a port between 1 and 65535", text)
	}
	return uint16(port), nil
}

// ParsePeerRule parses one rule about peers: a CIDR ("192.168.0.0/16"), a single address, or the
// word "private", which stands for the private addresses of RFC 1918 and RFC 4193: 10.0.0.0/8,
// 172.16.0.0/12, 192.168.0.0/16 and fc00::/7. (The shared addresses of carriers and overlay
// networks, 100.64.0.0/10, are not among them and must be named.)
func ParsePeerRule(text string) ([]netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if text == "private" {
		return []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
			netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fc00::/7"),
		}, nil
	}
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return []netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, fmt.Errorf(`%.64q is not an address, a CIDR like 192.168.0.0/16 or the word "private"`, text)
	}
	if prefix != prefix.Masked() {
		return nil, fmt.Errorf("%s has address bits beyond its length: %s?", prefix, prefix.Masked())
	}
	if prefix.Addr().Is4In6() {
		const mapped = 96
		if prefix.Bits() < mapped {
			return nil, fmt.Errorf("%s mixes IPv4 and IPv6: name the two apart", prefix)
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return []netip.Prefix{prefix}, nil
}

// ParsePeerPrefixes parses a list of rules as ParsePeerRule does. Its error has all faults.
func ParsePeerPrefixes(rules []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	var errs []error
	for _, rule := range rules {
		parsed, err := ParsePeerRule(rule)
		prefixes = append(prefixes, parsed...)
		errs = append(errs, err)
	}
	return prefixes, errors.Join(errs...)
}
