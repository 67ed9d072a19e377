package main

import (
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
)

// forwardedFor is the header in which proxies send the client's address.
const forwardedFor = "X-Forwarded-For"

// trustedProxies holds the networks of the proxies whose X-Forwarded-For is trusted.
type trustedProxies struct {
	networks atomic.Pointer[[]netip.Prefix]
}

func (t *trustedProxies) set(networks []netip.Prefix) error {
	t.networks.Store(&networks)
	return nil
}

func (t *trustedProxies) trusts(addr netip.Addr) bool {
	networks := t.networks.Load()
	if networks == nil || !addr.IsValid() {
		return false
	}
	for _, network := range *networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// clientAddr returns the address from which a request comes: the remote address of its
// connection or, if that is a trusted proxy, what the proxies say.
//
// Each proxy appends the address from which it received the request to X-Forwarded-For.
// So the client is the first address from the right that is not a trusted proxy;
// addresses to the left of it come from the client itself and are ignored. So is an
// invalid header.
func (t *trustedProxies) clientAddr(r *http.Request) netip.Addr {
	peer := peerAddr(r)
	if !t.trusts(peer) {
		return peer
	}
	client := peer
	values := r.Header.Values(forwardedFor)
	for i := len(values) - 1; i >= 0; i-- {
		for rest, more := values[i], true; more; {
			var hop string
			if at := strings.LastIndexByte(rest, ','); at >= 0 {
				rest, hop = rest[:at], rest[at+1:]
			} else {
				hop, more = rest, false
			}
			addr, ok := parseHop(hop)
			if !ok {
				return peer
			}
			if client = addr; !t.trusts(addr) {
				return client
			}
		}
	}
	return client
}

// peerAddr returns the remote address of the connection of a request.
func peerAddr(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// parseHop parses one address of X-Forwarded-For; some proxies add the port.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	addr, err := netip.ParseAddr(text)
	if err != nil {
		var at netip.AddrPort
		at, err = netip.ParseAddrPort(text)
		addr = at.Addr()
	}
	if inner, ok := strings.CutPrefix(text, "["); err != nil && ok {
		addr, err = netip.ParseAddr(strings.TrimSuffix(inner, "]"))
	}
	return addr.Unmap().WithZone(""), err == nil
}
