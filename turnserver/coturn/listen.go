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

// addresses are those of a file, as they stand there.
type addresses struct {
	listening []netip.Addr
	aux       []string // with ports
	relay     []netip.Addr
	external  []external
}

// external is the value of an external-ip: what peers are told (an address, or
// dns: and a name), and the local address it stands for, if it says so.
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

// addExternal takes "public", "public/local" or a host name in.
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

// addAux takes an address with a port in.
func (f *file) addAux(value string) error {
	at, err := netip.ParseAddrPort(value)
	if err != nil || at.Addr().Zone() != "" {
		return fmt.Errorf("%.64q is not an address with a port", value)
	}
	f.addresses.aux = append(f.addresses.aux, at.String())
	return nil
}

// resolvePorts makes of ports and addresses where to listen.
func (f *file) resolvePorts() {
	p := f.ports
	if p.min > p.max || p.min == 0 {
		f.failAt(max(f.keys["min-port"], f.keys["max-port"]), fmt.Errorf("min-port, max-port: %d-%d is no range of ports", p.min, p.max))
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
	if len(f.UDP)+len(f.TCP)+len(f.TLS) == 0 {
		f.fault = append(f.fault, fmt.Errorf("%s: with all that is off nothing would be served", f.name))
	}
}

// resolveAddresses makes of external-ip, relay-ip and listening-ip what relays
// bind to and what they are advertised under.
func (f *file) resolveAddresses() {
	a := f.addresses
	paired := slices.IndexFunc(a.external, func(e external) bool { return e.local.IsValid() }) >= 0
	single := slices.IndexFunc(a.external, func(e external) bool { return !e.local.IsValid() })
	if paired && single >= 0 {
		f.failAt(a.external[single].line, errors.New("external-ip: one without a local address beside others that have one; write public/local in all of them"))
		return
	}
	relay := a.relay
	if len(relay) == 0 {
		// coturn then relays from where it listens.
		relay = slices.DeleteFunc(slices.Clone(a.listening), func(addr netip.Addr) bool { return addr.IsUnspecified() || addr.IsLoopback() })
	}
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
		if !slices.Contains(relay, e.local) {
			if len(a.relay) > 0 {
				f.failAt(e.line, fmt.Errorf("external-ip: %s is no relay-ip", e.local))
				continue
			}
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

func texts(addrs []netip.Addr) []string {
	var all []string
	for _, addr := range addrs {
		all = append(all, addr.String())
	}
	return all
}
