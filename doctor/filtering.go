package doctor

import (
	"context"
	"time"
)

// filterTime is how long to wait for a response that a NAT may drop.
const filterTime = 1200 * time.Millisecond

// checkFiltering finds out from where the NAT lets packets in (RFC 5780, section 4.4). It uses a socket
// of its own, because whatever has been sent to opens the NAT.
func (n *network) checkFiltering(ctx context.Context) Finding {
	if len(n.stun) == 0 {
		return skipped(Filtering, NotOffered, "The server does not offer STUN.", "")
	}
	server := n.stun[0].at
	s, first, err := n.openNAT(ctx, server)
	if err != nil {
		return skipped(Filtering, NotFound, "Could not be found out: STUN does not answer.", "")
	}
	defer s.conn.Close() //nolint:errcheck // nothing is waiting to be sent
	if !first.other.IsValid() {
		return skipped(Filtering, NotFound, "Unknown: the server has one address.", "That takes a server with two addresses and two ports of --turn-udp.")
	}
	// A NAT that lets both through is the first kind, so the order matters.
	value, what := AddressPortDependent, "Only from addresses and ports to which this device has sent."
	if _, err := s.ask(ctx, server, change(changeBoth)); err == nil {
		value, what = EndpointIndependent, "None: from everywhere, once this device has sent anything."
	} else if _, err := s.ask(ctx, server, change(changePort)); err == nil {
		value, what = AddressDependent, "Only from addresses to which this device has sent."
	}
	f := good(Filtering, what)
	f.Value = value
	return f
}
