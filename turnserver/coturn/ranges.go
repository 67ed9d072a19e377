package coturn

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
)

// maxRangePrefixes bounds the prefixes of one range; an IPv6 range has at most 254.
const maxRangePrefixes = 256

// parsePeers parses an address, a range "first-last" as in coturn, or a CIDR, and returns the prefixes
// that cover it exactly.
func parsePeers(value string) ([]string, error) {
	if prefix, err := netip.ParsePrefix(value); err == nil {
		return []string{prefix.Masked().String()}, nil
	}
	from, to, isRange := strings.Cut(value, "-")
	if !isRange {
		to = from
	}
	first, err := parseAddr(strings.TrimSpace(from))
	if err != nil {
		return nil, err
	}
	last, err := parseAddr(strings.TrimSpace(to))
	if err != nil {
		return nil, err
	}
	if first.Is4() != last.Is4() {
		return nil, fmt.Errorf("%s-%s mixes IPv4 and IPv6", first, last)
	}
	if last.Less(first) {
		return nil, fmt.Errorf("%s-%s ends before it begins", first, last)
	}
	var all []string
	for _, prefix := range prefixes(first, last) {
		all = append(all, prefix.String())
	}
	return all, nil
}

// prefixes returns the fewest prefixes that cover the range of two addresses of one family: each time
// the largest that begins at first and does not go beyond last.
func prefixes(first, last netip.Addr) []netip.Prefix {
	var all []netip.Prefix
	for len(all) < maxRangePrefixes {
		length := first.BitLen() - trailingZeros(first)
		for end(netip.PrefixFrom(first, length)).Compare(last) > 0 {
			length++
		}
		prefix := netip.PrefixFrom(first, length)
		all = append(all, prefix)
		reached := end(prefix)
		if reached == last {
			break
		}
		first = reached.Next()
	}
	return all
}

// trailingZeros counts the zero bits at the end of an address.
func trailingZeros(addr netip.Addr) int {
	n := 0
	octets := addr.AsSlice()
	for i := len(octets) - 1; i >= 0; i-- {
		zeros := bits.TrailingZeros8(octets[i])
		if n += zeros; zeros < 8 {
			break
		}
	}
	return n
}

// end returns the last address of a prefix.
func end(prefix netip.Prefix) netip.Addr {
	octets := prefix.Addr().AsSlice()
	for bit := prefix.Bits(); bit < len(octets)*8; bit++ {
		octets[bit/8] |= 1 << (7 - bit%8)
	}
	addr, _ := netip.AddrFromSlice(octets)
	return addr
}
