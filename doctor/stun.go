package doctor

import (
	"context"
	"fmt"
	"sync"
)

// askSTUN asks the STUN server that pages use.
func (n *network) askSTUN(ctx context.Context) Finding {
	if len(n.stun) == 0 {
		return skipped(STUN, NotOffered, "The server does not offer this.", "")
	}
	server := n.stun[0]
	var second sync.WaitGroup
	second.Go(func() { n.askSecond(ctx) })
	defer second.Wait()
	got, err := askOnce(ctx, server.at)
	if err == nil {
		n.udp.Store(true)
		return good(STUN, fmt.Sprintf("Answered in %d ms.", got.took.Milliseconds())).took(got.took)
	}
	why := fmt.Sprintf("UDP port %d of the server is blocked, by this network or by a firewall of the server.", server.at.Port())
	if isRefused(err) {
		n.udp.Store(true) // the refusal has come through
		why = fmt.Sprintf("Nothing listens on UDP port %d, or a firewall rejects it.", server.at.Port())
	}
	f := fault(STUN, Fail, STUNBlocked, "No answer.", why, "Open the port in the server's firewall, and in this network's. Without it, calls go through a relay.")
	f.host = server.uri.Host
	return f
}

// askSecond asks the second STUN port: if it answers and the first does not, UDP is not blocked as such.
func (n *network) askSecond(ctx context.Context) {
	if at := n.second(ctx); at.IsValid() {
		if _, err := askOnce(ctx, at); err == nil {
			n.udp.Store(true)
		}
	}
}

// checkUDP reports whether anything arrived over UDP. It must come after all checks that use UDP.
func (n *network) checkUDP() Finding {
	switch {
	case n.udp.Load():
		return good(UDP, "Works.")
	case len(n.stun) == 0 && n.targetsOf(RelayUDP) == nil:
		return skipped(UDP, NotOffered, "Not checked: the server offers nothing over UDP.", "")
	default:
		return fault(UDP, Fail, UDPBlocked, "Blocked: nothing came back over UDP.", "This network lets no UDP through, or the server's firewall does not.",
			"Try another network. If it is the same everywhere, open the UDP ports of the server (--turn-udp, --stun-udp). Without UDP, calls go through a relay over TCP, and may freeze now and then.")
	}
}
