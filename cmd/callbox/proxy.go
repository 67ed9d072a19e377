package main

import (
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
)

// forwardedFor is the header that proxies tell the client's address in.
const forwardedFor = "X-Forwarded-For"

// trustedProxies are the networks of the proxies whose X-Forwarded-For counts.
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

// clientAddr returns the address that a request comes from: the other end of
// its connection or, when that is a trusted proxy, what the proxies say.
//
// Each proxy adds the address that it was called from at the right end of
// X-Forwarded-For, so the first one from the right that is no trusted proxy is
// the client; what stands left of it is the client's own word and not looked
// at. A header that a proxy spoiled counts for nothing.
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

// peerAddr returns the other end of a request's connection.
func peerAddr(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// parseHop reads one address of X-Forwarded-For; some proxies add the port.
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
