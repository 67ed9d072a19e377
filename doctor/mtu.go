package doctor

import "context"

// size is what is known about large packets.
type size struct {
	tried bool // small ones came back, and there was time to wait for large ones
	large bool // large ones came back, too
}

// probeSize sends a large request to the STUN server, whose response is small.
func (n *network) probeSize(ctx context.Context) size {
	if len(n.stun) == 0 {
		return size{}
	}
	at := n.stun[0].at
	if _, err := askOnce(ctx, at); err != nil {
		return size{}
	}
	const header = 32 // of the message, of the attribute, and FINGERPRINT
	_, err := askOnce(ctx, at, filler(largeBytes-header))
	return size{tried: err == nil || ctx.Err() == nil, large: err == nil}
}

// mtuFinding reports whether packets of 1,200 bytes, the largest of a call, get through: by the relay in
// both directions, or else on the way to the STUN server.
func mtuFinding(relay, binding size) Finding {
	if !relay.tried {
		relay = binding
	}
	switch {
	case relay.large:
		return good(MTU, "Come through.")
	case relay.tried:
		return fault(MTU, Fail, MTUTooSmall, "Do not come through, while small ones do.",
			"The MTU on the way is below 1,200, and nothing tells this device so. Video freezes, or the call does not connect.",
			"Raise the MTU of the tunnel or VPN on the way to at least 1,280, or let ICMP (fragmentation needed, packet too big) through.")
	default:
		return skipped(MTU, NotFound, "Could not be found out: nothing comes over UDP.", "")
	}
}
