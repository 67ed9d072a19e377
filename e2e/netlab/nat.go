//go:build linux

package netlab

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
)

// Kind is the kind of a router between a client and the public network.
type Kind string

// The kinds. The terms are those of RFC 4787.
const (
	// PortRestricted maps a port to the same port for every destination (endpoint-independent
	// mapping), and lets in only what comes from where the client has sent to (address and
	// port-dependent filtering). Most routers of homes are like that.
	PortRestricted Kind = "port-restricted"
	// Symmetric maps a port to another, random port for each destination (address and
	// port-dependent mapping). It filters as PortRestricted does.
	Symmetric Kind = "symmetric"
	// UDPBlocked is PortRestricted, but no UDP passes.
	UDPBlocked Kind = "UDP blocked"
	// Only443 is PortRestricted, but only TCP to port 443 passes.
	Only443 Kind = "only 443"
)

// rules returns the source NAT statement, and what the client may send.
func (k Kind) rules() (source, allowed string, err error) {
	switch k {
	case PortRestricted:
		return "masquerade", "", nil
	case Symmetric:
		return "masquerade fully-random", "", nil
	case UDPBlocked:
		return "masquerade", "meta l4proto != udp", nil
	case Only443:
		return "masquerade", "tcp dport 443", nil
	}
	return "", "", fmt.Errorf("no such kind of NAT: %q", k)
}

// ruleset is for nft. Without the input chain, a packet that comes from outside before the
// client has sent there would get a conntrack entry of the router's own. Such an entry has
// the addresses and ports of the client's mapping, so that masquerade would have to
// choose another port for the client. The NAT would then be symmetric for that
// destination. ICE sends such packets, because the two sides never begin at the same time.
const ruleset = `table ip router {
	chain postrouting {
		type nat hook postrouting priority srcnat
		oifname "wan" %s
	}
	chain input {
		type filter hook input priority filter
		iifname "wan" ct state new drop
	}
	chain forward {
		type filter hook forward priority filter
		policy drop
		ct state established,related accept
		iifname "lan" oifname "wan" %s accept
	}
}
`

// NAT puts a router between a client, which is l.A or l.B, and the public network, and
// returns the router's public address. The client then has a route to the whole public
// network. NAT must be called once for a client, before anything runs there. Connect and
// Move are for clients without a NAT.
func (l *Lab) NAT(ctx context.Context, client *Namespace, kind Kind) (public netip.Addr, err error) {
	source, allowed, err := kind.rules()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, c := range l.clients() {
		if c.namespace == client {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			return c.outside, l.route(ctx, c, fmt.Sprintf(ruleset, source, allowed))
		}
	}
	return netip.Addr{}, fmt.Errorf("%s is not a client", client.Name)
}

// route puts a router with these rules between the client and the bridge.
func (l *Lab) route(ctx context.Context, c client, rules string) error {
	namespace, err := l.add(ctx, c.router)
	if err != nil {
		return err
	}
	if err := nft(ctx, namespace, rules); err != nil { // before anything can pass
		return err
	}
	if err := namespace.Sysctl("net/ipv4/ip_forward", "1"); err != nil {
		return err
	}
	server, router, name := l.Server.Name, namespace.Name, c.namespace.Name
	return ipAll(ctx, [][]string{
		{"-n", server, "link", "del", c.link}, // takes the client's eth0 and its routes with it
		{"-n", server, "link", "add", c.link, "type", "veth", "peer", "name", "wan", "netns", router},
		{"-n", server, "link", "set", c.link, "master", "public", "up"},
		{"-n", router, "addr", "add", c.outside.String() + "/24", "dev", "wan"},
		{"-n", router, "link", "set", "wan", "up"},
		{"-n", router, "link", "add", "lan", "type", "veth", "peer", "name", "eth0", "netns", name},
		{"-n", router, "addr", "add", c.gateway + "/24", "dev", "lan"},
		{"-n", router, "link", "set", "lan", "up"},
		{"-n", name, "addr", "add", c.addr.String() + "/24", "dev", "eth0"},
		{"-n", name, "link", "set", "eth0", "up"},
		{"-n", name, "route", "add", netip.PrefixFrom(l.ServerAddr, 24).Masked().String(), "via", c.gateway},
	})
}

// nft gives the commands to nft in a namespace.
func nft(ctx context.Context, n *Namespace, commands string) error {
	var out strings.Builder
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(commands), &out, &out
	err := n.Start(command)
	if err == nil {
		err = command.Wait()
	}
	if err != nil {
		return fmt.Errorf("nft in %s: %w: %s", n.Name, err, strings.TrimSpace(out.String()))
	}
	return nil
}
