// Package publicip finds the public addresses of this machine: those that a name resolves to,
// that a STUN server sees, or that the cloud in which the machine runs reports. It asks nobody
// but whom a Source names.
package publicip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// Timeout bounds one query of a Source, including all its retries.
	Timeout = 5 * time.Second
	// DefaultSTUNPort is the port of a STUN server that is given without one (RFC 8489,
	// section 18.6).
	DefaultSTUNPort = 3478
	// MetadataURL is the metadata service of clouds: a link-local address, so nothing
	// leaves the machine's network.
	MetadataURL = "http://169.254.169.254"
)

// kind is how a Source is queried.
type kind int

const (
	static kind = iota
	dns
	stunServer
	cloud
)

// Source is where to get an address from. The zero value is none.
type Source struct {
	kind kind
	addr netip.Addr // of a static source
	host string     // a name, or that of a STUN server
	port uint16     // of a STUN server
}

// ParseSource parses "203.0.113.7", "[2001:db8::7]", "dns:NAME", "stun:HOST",
// "stun:HOST:PORT" or "cloud".
func ParseSource(text string) (Source, error) {
	kindText, rest, _ := strings.Cut(text, ":")
	switch kindText {
	case "cloud":
		if text == kindText {
			return Source{kind: cloud}, nil
		}
	case "dns":
		if !isHostName(rest) {
			return Source{}, fmt.Errorf("%.64q does not name a host, as dns:turn.example.org does", text)
		}
		return Source{kind: dns, host: rest}, nil
	case "stun":
		return parseSTUN(text, rest)
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	switch {
	case err != nil:
		return Source{}, fmt.Errorf("%.64q is not an IP address, nor dns:NAME, stun:HOST or cloud", text)
	case addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "":
		return Source{}, fmt.Errorf("%s cannot be used: it is unspecified, multicast or has a zone", text)
	}
	return Source{addr: addr.Unmap()}, nil
}

func parseSTUN(text, rest string) (Source, error) {
	source := Source{kind: stunServer, host: strings.Trim(rest, "[]"), port: DefaultSTUNPort}
	if host, port, err := net.SplitHostPort(rest); err == nil {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return Source{}, fmt.Errorf("%.64q has no port between 1 and 65535", text)
		}
		source.host, source.port = host, uint16(number)
	}
	if _, err := netip.ParseAddr(source.host); err != nil && !isHostName(source.host) {
		return Source{}, fmt.Errorf("%.64q does not name a server, as stun:stun.example.org:3478 does", text)
	}
	return source, nil
}

func isHostName(text string) bool {
	const maxName = 253
	return text != "" && len(text) <= maxName && text[0] != '.' && text[0] != '-' && !strings.ContainsFunc(text, func(r rune) bool {
		return r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// Static returns the address of a Source that is an address, and needs no query.
func (s Source) Static() (addr netip.Addr, ok bool) { return s.addr, s.kind == static }

// String returns the Source in the form that ParseSource parses.
func (s Source) String() string {
	switch s.kind {
	case dns:
		return "dns:" + s.host
	case stunServer:
		return "stun:" + net.JoinHostPort(s.host, strconv.Itoa(int(s.port)))
	case cloud:
		return "cloud"
	default:
		return s.addr.String()
	}
}

// Answer is the answer of a Source.
type Answer struct {
	// Addrs has at most one address of each family, IPv4 first.
	Addrs []netip.Addr
	// By is who answered, such as "Amazon Web Services"; for other kinds of Source, the
	// Source itself.
	By string
	// PortsChange reports whether a STUN server has seen the request come from another
	// port than it was sent from: then the NAT in between is not 1:1.
	PortsChange bool
}

// Finder queries Sources. The zero value is ready to use.
type Finder struct {
	// Metadata is the URL of the metadata service; empty = MetadataURL.
	Metadata string
	// Local reports whether an address is one of this machine, to choose among several
	// addresses of a name; nil = none is.
	Local func(netip.Addr) bool

	// lookup replaces the resolver in tests.
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Find queries a Source, for at most Timeout.
func (f *Finder) Find(ctx context.Context, source Source) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, errors.New("no answer in time"))
	defer cancel()
	var answer Answer
	var err error
	switch source.kind {
	case dns:
		answer, err = f.name(ctx, source.host)
	case stunServer:
		answer, err = f.stun(ctx, source)
	case cloud:
		answer, err = f.cloud(ctx)
	default:
		answer.Addrs = []netip.Addr{source.addr}
	}
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", source, err)
	}
	if answer.By == "" {
		answer.By = source.String()
	}
	return answer, nil
}

// resolve returns the addresses of a host, which may be an address itself.
func (f *Finder) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	lookup := f.lookup
	if lookup == nil {
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	addrs, err := lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap().WithZone("")
	}
	slices.SortFunc(addrs, netip.Addr.Compare) // IPv4 first
	return slices.Compact(addrs), nil
}

// name returns the address of a name in each family. If there are several, perhaps of several
// machines, it returns that of this machine.
func (f *Finder) name(ctx context.Context, host string) (Answer, error) {
	addrs, err := f.resolve(ctx, host)
	if err != nil {
		return Answer{}, err
	}
	var answer Answer
	for _, is4 := range []bool{true, false} {
		family := slices.DeleteFunc(slices.Clone(addrs), func(addr netip.Addr) bool { return addr.Is4() != is4 })
		if len(family) > 1 {
			family = slices.DeleteFunc(family, func(addr netip.Addr) bool { return f.Local == nil || !f.Local(addr) })
			if len(family) != 1 {
				return Answer{}, fmt.Errorf("the name has several addresses (%v), and which of them is this machine's cannot be told", addrs)
			}
		}
		answer.Addrs = append(answer.Addrs, family...)
	}
	if len(answer.Addrs) == 0 {
		return Answer{}, errors.New("the name has no address")
	}
	return answer, nil
}
