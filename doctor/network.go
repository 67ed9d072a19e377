package doctor

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pion/stun/v4"
)

// maxURLs bounds how many addresses of an answer are used.
const maxURLs = 8

// target is an address of STUN or TURN that the server advertises.
type target struct {
	uri                  *stun.URI
	at                   netip.AddrPort // invalid if the name could not be resolved
	username, credential string
}

// protocol returns udp, tcp or tls.
func (t *target) protocol() Check {
	switch {
	case t.uri.Scheme == stun.SchemeTypeTURNS:
		return RelayTLS
	case t.uri.Proto == stun.ProtoTypeTCP:
		return RelayTCP
	default:
		return RelayUDP
	}
}

// network is what the checks of the network share.
type network struct {
	*run
	asked *asked
	// more asks for another credential: each is for the relays of one protocol.
	more func(context.Context) (*asked, *Finding)
	stun []*target // of the server's STUN over UDP
	turn []*target
	udp  atomic.Bool // something has come over UDP
}

// checkNetwork makes the checks of the network at the same time.
func (r *run) checkNetwork(ctx context.Context, answer *asked) []Finding {
	n := &network{run: r, asked: answer}
	n.more = func(ctx context.Context) (*asked, *Finding) {
		_, answer, refused := r.ask(ctx)
		return answer, refused
	}
	n.resolve(ctx)
	var address, mapping, filtering Finding
	var paths []Finding
	var all sync.WaitGroup
	all.Go(func() { address = n.checkAddress(ctx) })
	all.Go(func() { mapping = n.checkMapping(ctx) })
	all.Go(func() { filtering = n.checkFiltering(ctx) })
	all.Go(func() { paths = n.checkPaths(ctx) })
	all.Wait()
	return append([]Finding{address, n.checkUDP(), mapping, filtering}, paths...)
}

// checkPaths asks STUN, and sends packets through the relays.
func (n *network) checkPaths(ctx context.Context) []Finding {
	var binding Finding
	var large size
	relays := map[Check]*relayed{RelayUDP: {}, RelayTCP: {}, RelayTLS: {}}
	var all sync.WaitGroup
	all.Go(func() { binding = n.askSTUN(ctx) })
	all.Go(func() { large = n.probeSize(ctx) })
	for protocol, relay := range relays {
		all.Go(func() { *relay = n.checkRelay(ctx, protocol) })
	}
	all.Wait()
	return []Finding{
		binding, relays[RelayUDP].finding, relays[RelayTCP].finding, relays[RelayTLS].finding, mtuFinding(relays[RelayUDP].size, large),
	}
}

// resolve reads the URLs of the answer.
func (n *network) resolve(ctx context.Context) {
	for _, server := range n.asked.ICEServers {
		for _, text := range server.URLs {
			uri, err := stun.ParseURI(text)
			if err != nil || len(n.stun)+len(n.turn) >= maxURLs {
				continue
			}
			t := &target{uri: uri, at: n.lookup(ctx, uri), username: server.Username, credential: server.Credential}
			switch uri.Scheme {
			case stun.SchemeTypeSTUN:
				n.stun = append(n.stun, t)
			case stun.SchemeTypeTURN, stun.SchemeTypeTURNS:
				n.turn = append(n.turn, t)
			default: // STUN over TLS, which no browser uses
			}
		}
	}
}

// lookup returns the address of a URI, of the family that the server was reached by if there is one.
func (n *network) lookup(ctx context.Context, uri *stun.URI) netip.AddrPort {
	port := uint16(uri.Port) //nolint:gosec // ParseURI has checked it
	if addr, err := netip.ParseAddr(uri.Host); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), port)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", uri.Host)
	if err != nil || len(addrs) == 0 {
		return netip.AddrPort{}
	}
	at := max(0, slices.IndexFunc(addrs, func(a netip.Addr) bool { return a.Unmap().Is4() == n.at.Is4() }))
	return netip.AddrPortFrom(addrs[at].Unmap(), port)
}
