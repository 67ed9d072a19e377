package turnserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
)

// relayAddress is one local address that relay sockets are bound to, the public address that
// clients are told instead, which may change, and its ports.
type relayAddress struct {
	bind   netip.Addr
	public atomic.Pointer[netip.Addr]
	ports  *ports
}

// relayAddresses are the addresses of all families. New allocations are spread over them.
type relayAddresses struct {
	all      []*relayAddress
	listen   func(network, address string) (net.PacketConn, error)
	nextTurn atomic.Uint32
}

var errFamily = errors.New("no relay address of the requested family")

// newRelayAddresses pairs relay and public addresses as Config describes.
func newRelayAddresses(c *Config) (*relayAddresses, error) {
	r := &relayAddresses{listen: c.ListenPacket}
	var errs []error
	if len(c.RelayIPs) == 0 {
		errs = append(errs, errors.New("no relay address"))
	}
	seen := map[netip.Addr]bool{}
	for _, ip := range c.RelayIPs {
		ip = ip.Unmap()
		switch {
		case !ip.IsValid(), ip.IsUnspecified(), ip.IsMulticast(), ip.Zone() != "":
			errs = append(errs, fmt.Errorf("relay address %s is not one that a relay can bind to", ip))
		case seen[ip]:
			errs = append(errs, fmt.Errorf("relay address %s is given twice", ip))
		}
		seen[ip] = true
		r.all = append(r.all, &relayAddress{bind: ip, ports: newPorts(c.RelayPorts, c.Now)})
	}
	errs = append(errs, r.setPublic(c.PublicIPs))
	return r, errors.Join(errs...)
}

// setPublic pairs the relay addresses with public ones as Config describes. On an error they
// stay as they were.
func (r *relayAddresses) setPublic(publicIPs []netip.Addr) error {
	public := make([]netip.Addr, len(r.all))
	pairwise := len(publicIPs) == len(r.all)
	for i, a := range r.all {
		public[i] = a.bind
		pairwise = pairwise && publicIPs[i].Unmap().Is4() == a.bind.Is4()
	}
	var errs []error
	for i, ip := range publicIPs {
		ip = ip.Unmap()
		if !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" {
			errs = append(errs, fmt.Errorf("public address %s is not one that a peer can send to", ip))
		}
		used := false
		for j, a := range r.all {
			if pairwise && i == j || !pairwise && a.bind.Is4() == ip.Is4() {
				used = true
				public[j] = ip
			}
		}
		if !used {
			errs = append(errs, fmt.Errorf("public address %s has no relay address of its family", ip))
		}
	}
	seen := map[netip.Addr]bool{}
	for _, ip := range public {
		if seen[ip] && len(errs) == 0 && len(publicIPs) > 0 {
			errs = append(errs, fmt.Errorf("public address %s stands for several relay addresses: give one for each of them, in their order", ip))
		}
		seen[ip] = true
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, a := range r.all {
		a.public.Store(&public[i])
	}
	return nil
}

// open binds a relay socket to an address of the requested family, at a port for which fits
// returns true.
func (r *relayAddresses) open(is4 bool, fits func(port uint16) bool) (p *boundSocket, err error) {
	err = errFamily
	first := int(r.nextTurn.Add(1) % uint32(len(r.all))) //nolint:gosec // a handful
	for i := range r.all {
		a := r.all[(first+i)%len(r.all)]
		if a.bind.Is4() != is4 {
			continue
		}
		if p, err = r.bind(a, fits); err == nil {
			return p, nil
		}
	}
	return nil, err
}

func (r *relayAddresses) bind(a *relayAddress, fits func(port uint16) bool) (*boundSocket, error) {
	network := "udp6"
	if a.bind.Is4() {
		network = "udp4"
	}
	conn, port, err := a.ports.bind(fits, func(port uint16) (net.PacketConn, error) {
		return r.listen(network, net.JoinHostPort(a.bind.String(), strconv.Itoa(int(port))))
	})
	if err != nil {
		return nil, err
	}
	return &boundSocket{conn: conn, address: a, port: port}, nil
}

// freePorts returns how many ports of the addresses of a family are not in use.
func (r *relayAddresses) freePorts(is4 bool) (n int) {
	for _, a := range r.all {
		if a.bind.Is4() == is4 {
			n += a.ports.unused()
		}
	}
	return n
}

func (r *relayAddresses) has(is4 bool) bool {
	for _, a := range r.all {
		if a.bind.Is4() == is4 {
			return true
		}
	}
	return false
}

// publicOf returns the public address of a local one.
func (r *relayAddresses) publicOf(addr netip.Addr) netip.Addr {
	for _, a := range r.all {
		if a.bind == addr {
			return *a.public.Load()
		}
	}
	return addr
}
