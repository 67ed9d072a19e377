package peer

import "net"

// What a call has open with a callbox server, besides a socket for each address of the
// machine. The sockets are those of Pion's ICE agent, which keeps them all until the end of
// the call, also those that the selected path does not need (gather.go and mdns.go of
// github.com/pion/ice). The sums are what ss(8) shows on Linux.
const (
	signalingDescriptors = 1 // the WebSocket
	mdnsDescriptors      = 4 // port 5353, and one to ask from, each for IPv4 and IPv6
	stunDescriptors      = 1 // for the one stun: URL
	turnSTUNDescriptors  = 1 // TURN over UDP is asked for the address, too
	turnDescriptors      = 3 // a relay for each turn: URL: over UDP, TCP and TLS
)

// Descriptors returns how many file descriptors a call has open on this machine, if the
// server offers what callbox serve does by default: STUN, and TURN over UDP, TCP and TLS.
func (c *Config) Descriptors() int {
	n := signalingDescriptors
	if !c.NoMDNS {
		n += mdnsDescriptors
	}
	all := c.ICE == All || c.ICE == ""
	if all || c.ICE == Host {
		n += hostAddresses(isLoopback(c.Server))
	}
	if all || c.ICE == Srflx {
		n += stunDescriptors
	}
	if all && (c.TURNProtocol == "" || c.TURNProtocol == TURNOverUDP) {
		n += turnSTUNDescriptors
	}
	switch {
	case !all && c.ICE != Relay:
	case c.TURNProtocol == "":
		n += turnDescriptors
	default:
		n++
	}
	return n
}

// hostAddresses returns how many addresses of this machine become host candidates, each with
// a socket; those of loopback only if they help.
func hostAddresses(loopback bool) int {
	interfaces, err := net.Interfaces()
	if err != nil {
		return 0 // the ICE agent finds none, either
	}
	n := 0
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 && !loopback {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			// Pion leaves out ::1.
			if network, ok := a.(*net.IPNet); ok && !network.IP.Equal(net.IPv6loopback) {
				n++
			}
		}
	}
	return n
}
