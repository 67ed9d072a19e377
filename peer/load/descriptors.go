package load

import "callbox/peer"

// ownDescriptors is for what does not grow with the number of pairs. A run was seen to have
// nine open: standard input and output, the report, the limits of the control group, and
// those with which Go waits for sockets. The rest is for names that are looked up and
// connections that are tried meanwhile.
const ownDescriptors = 64

// Descriptors returns how many file descriptors a pair and the whole run need on this
// machine, if the server offers the ICE servers that callbox serve does by default.
func (c *Config) Descriptors() (pair, all int) {
	end := peer.Config{Server: c.Server, ICE: c.ICE, TURNProtocol: c.TURNProtocol, NoMDNS: true}
	pair = 2 * end.Descriptors()
	return pair, ownDescriptors + c.Pairs*pair
}
