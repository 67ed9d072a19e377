package coturn

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ports are the listening ports of a file, 0 = none.
type ports struct {
	plain, altPlain, tls, altTLS uint16
	noUDP, noTCP, noTLS          bool
	min, max                     uint16
}

// defaultPorts are coturn's.
func defaultPorts() ports {
	return ports{plain: 3478, tls: 5349, min: 49152, max: 65535}
}

// addresses are those of a file, as written there.
type addresses struct {
	listening []netip.Addr
	aux       []string // with ports
	relay     []netip.Addr
	external  []external
}

// external is the value of an external-ip: the public address (or dns: and a name), and the local
// address that it replaces, if it has one.
type external struct {
	public string
	local  netip.Addr
	line   int
}

func parsePort(value string) (uint16, error) {
	port, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%.16q is not a port between 0 and 65535", value)
	}
	return uint16(port), nil
}

func parseAddr(value string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(value)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%.64q is not an IP address", value)
	}
	return addr.Unmap(), nil
}

// addExternal adds "public", "public/local" or a host name.
func (f *file) addExternal(value string) error {
	public, local, paired := strings.Cut(value, "/")
	e := external{line: f.line}
	switch addr, err := netip.ParseAddr(public); {
	case err == nil && addr.Zone() == "":
		e.public = addr.Unmap().String()
	case !paired && isHostName(public):
		e.public = "dns:" + public
	default:
		return fmt.Errorf("%.64q is neither an IP address nor the name of a host", public)
	}
	if paired {
		var err error
		if e.local, err = parseAddr(local); err != nil {
			return err
		}
	}
	f.addresses.external = append(f.addresses.external, e)
	return nil
}

func isHostName(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }) &&
		!strings.ContainsFunc(text, func(r rune) bool {
			return r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		})
}

// addAux adds an address with a port.
func (f *file) addAux(value string) error {
	at, err := netip.ParseAddrPort(value)
	if err != nil || at.Addr().Zone() != "" {
		return fmt.Errorf("%.64q is not an address with a port", value)
	}
	f.addresses.aux = append(f.addresses.aux, at.String())
	return nil
}

// resolvePorts combines ports and addresses to those that the server listens at.
func (f *file) resolvePorts() {
	p := f.ports
	if p.min > p.max || p.min == 0 {
		line := max(f.keys["min-port"], f.keys["max-port"])
		f.fault = append(f.fault, fault{"min-port", fmt.Errorf("%s:%d: min-port, max-port: %d-%d is no range of ports", f.name, line, p.min, p.max)})
	}
	if f.keys["min-port"] != 0 || f.keys["max-port"] != 0 {
		f.RelayPorts = fmt.Sprintf("%d-%d", p.min, p.max)
	}
	var hosts []string
	for _, addr := range f.addresses.listening {
		hosts = append(hosts, addr.String())
	}
	if hosts == nil {
		hosts = []string{""} // all
	}
	at := func(ports ...uint16) []string {
		var all []string
		for _, host := range hosts {
			for _, port := range ports {
				if address := net.JoinHostPort(host, strconv.Itoa(int(port))); port != 0 && !slices.Contains(all, address) {
					all = append(all, address)
				}
			}
		}
		return all
	}
	plain := append(at(p.plain, p.altPlain), f.addresses.aux...)
	if !p.noUDP {
		f.UDP = plain
	}
	if !p.noTCP {
		f.TCP = plain
	}
	if !p.noTLS {
		f.TLS = at(p.tls, p.altTLS)
	}
	if len(f.UDP)+len(f.TCP)+len(f.TLS) == 0 && !f.flags.names("turn-udp") && !f.flags.names("turn-tcp") && !f.flags.names("turn-tls") {
		f.fault = append(f.fault, fault{err: fmt.Errorf("%s: with all that is off nothing would be served", f.name)})
	}
}

// resolveAddresses derives the relay addresses and the public ones from external-ip, relay-ip and
// listening-ip.
func (f *file) resolveAddresses() {
	a := f.addresses
	if f.flags.has("public-ip") {
		f.RelayIPs = texts(f.relayAddrs())
		return
	}
	paired := slices.IndexFunc(a.external, func(e external) bool { return e.local.IsValid() }) >= 0
	single := slices.IndexFunc(a.external, func(e external) bool { return !e.local.IsValid() })
	if paired && single >= 0 {
		f.failLine("external-ip", a.external[single].line, errors.New("one without a local address beside others that have one; write public/local in all of them"))
		return
	}
	relay := f.relayAddrs()
	if !paired {
		for _, e := range a.external {
			f.PublicIPs = append(f.PublicIPs, e.public)
		}
		f.RelayIPs = texts(relay)
		return
	}
	publicOf := map[netip.Addr]string{}
	for _, e := range a.external {
		publicOf[e.local] = e.public
		switch {
		case slices.Contains(relay, e.local) || f.flags.has("relay-ip"):
			// coturn accepts addresses that it does not relay from, too.
		case len(a.relay) > 0:
			f.failLine("external-ip", e.line, fmt.Errorf("%s is no relay-ip", e.local))
		default:
			relay = append(relay, e.local)
		}
	}
	for _, addr := range relay {
		public := publicOf[addr]
		if public == "" {
			public = addr.String()
		}
		f.RelayIPs, f.PublicIPs = append(f.RelayIPs, addr.String()), append(f.PublicIPs, public)
	}
}

// relayAddrs returns the addresses that relays are bound to: those of the flag, of relay-ip or, as in
// coturn, those that the server listens at.
func (f *file) relayAddrs() []netip.Addr {
	var relay []netip.Addr
	for _, text := range f.flags["relay-ip"] {
		if addr, err := parseAddr(strings.Trim(text, "[]")); err == nil {
			relay = append(relay, addr)
		}
	}
	if f.flags.has("relay-ip") {
		return relay
	}
	if len(f.addresses.relay) > 0 {
		return f.addresses.relay
	}
	if public := f.flags["public-ip"]; len(public) > 0 && len(public) == len(f.addresses.external) {
		// The flag has other addresses for the same local ones.
		for _, e := range f.addresses.external {
			if e.local.IsValid() {
				relay = append(relay, e.local)
			}
		}
		return relay
	}
	return slices.DeleteFunc(slices.Clone(f.addresses.listening), func(addr netip.Addr) bool { return addr.IsUnspecified() || addr.IsLoopback() })
}

func texts(addrs []netip.Addr) []string {
	var all []string
	for _, addr := range addrs {
		all = append(all, addr.String())
	}
	return all
}
