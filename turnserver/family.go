package turnserver

import (
	"net/netip"

	"callbox/turnserver/wire"
)

// Family is the address family of an allocation whose client asks for none, as browsers do
// (RFC 8656 section 7.2 says IPv4).
type Family string

// The default families.
const (
	// FamilyAuto is IPv4, and IPv6 on a server without an IPv4 relay address.
	FamilyAuto Family = "auto"
	// FamilyIPv4 and FamilyIPv6 are that family only.
	FamilyIPv4 Family = "ipv4"
	FamilyIPv6 Family = "ipv6"
	// FamilyKeep is the family by which the client reaches the server, or the other one
	// when the server has no relay address of that.
	FamilyKeep Family = "keep"
)

// Families returns every default family.
func Families() []Family { return []Family{FamilyAuto, FamilyIPv4, FamilyIPv6, FamilyKeep} }

// wantsIPv4 reports whether an allocation should be of IPv4: as REQUESTED-ADDRESS-FAMILY says,
// or, without one (asked is 0), as the server is configured.
func (s *Server) wantsIPv4(asked byte, client netip.Addr) bool {
	if asked != 0 {
		return asked == wire.IPv4
	}
	is4 := true
	switch s.family {
	case FamilyIPv4:
		return true
	case FamilyIPv6:
		return false
	case FamilyKeep:
		is4 = client.Unmap().Is4()
	default:
	}
	return is4 == s.addresses.has(is4)
}
