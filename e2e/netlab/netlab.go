//go:build linux

// Package netlab makes a small network of namespaces for tests: a server with a
// public address, and two clients that can reach only the server.
//
//	a 10.77.1.2 ─── 10.77.1.1 ┐
//	                          server 203.0.113.1
//	b 10.77.2.2 ─── 10.77.2.1 ┘
//
// Lab.NAT puts a router between a client and the public network. Behind two of them,
// the clients can reach the server, and each other as far as the routers let them.
//
//	a 10.77.1.2 ─── 10.77.1.1 router-a 203.0.113.11 ┐
//	                                                server 203.0.113.1
//	b 10.77.2.2 ─── 10.77.2.1 router-b 203.0.113.12 ┘
//
// It needs root and iproute2, and nftables for NATs. It does not touch the machine's
// own network.
package netlab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	prefix  = "callbox-"
	folder  = "/run/netns" // where iproute2 has the namespaces
	timeout = 20 * time.Second
)

// Lab is the network. Close removes it.
type Lab struct {
	// Server, A and B are the namespaces in which a test starts its processes.
	Server, A, B *Namespace
	// ServerAddr is the server's public address, which both clients can reach.
	ServerAddr netip.Addr
	// AAddr and BAddr are the clients' own addresses.
	AAddr, BAddr netip.Addr

	prefix     string // what all names begin with
	names      []string
	namespaces []*Namespace
}

// New makes the network, without a route between the clients: see Connect. The
// names of the namespaces contain the process id, and differ from lab to lab, so that
// a test process can have several. New first removes what killed test processes have
// left.
func New(ctx context.Context) (*Lab, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := sweep(ctx); err != nil {
		return nil, err
	}
	l := &Lab{
		ServerAddr: netip.MustParseAddr("203.0.113.1"),
		AAddr:      netip.MustParseAddr("10.77.1.2"),
		BAddr:      netip.MustParseAddr("10.77.2.2"),
		prefix:     fmt.Sprintf("%s%d-%s-", prefix, os.Getpid(), rand.Text()[:6]),
	}
	if err := l.build(ctx); err != nil {
		return nil, errors.Join(err, l.remove(context.WithoutCancel(ctx)))
	}
	return l, nil
}

func (l *Lab) build(ctx context.Context) error {
	for _, part := range []struct {
		namespace **Namespace
		name      string
	}{{&l.Server, "server"}, {&l.A, "a"}, {&l.B, "b"}} {
		var err error
		if *part.namespace, err = l.add(ctx, part.name); err != nil {
			return err
		}
	}
	// The public address is on a bridge, whose ports are those of NAT. An address of the
	// loopback interface would not be taken for one of the machine's.
	server := l.Server.Name
	steps := [][]string{
		{"-n", server, "link", "add", "public", "type", "bridge"},
		{"-n", server, "addr", "add", l.ServerAddr.String() + "/24", "dev", "public"},
		{"-n", server, "link", "set", "public", "up"},
	}
	for _, c := range l.clients() {
		name := c.namespace.Name
		steps = append(steps, [][]string{
			{"-n", server, "link", "add", c.link, "type", "veth", "peer", "name", "eth0", "netns", name},
			{"-n", server, "addr", "add", c.gateway + "/24", "dev", c.link},
			{"-n", server, "link", "set", c.link, "up"},
			{"-n", name, "addr", "add", c.addr.String() + "/24", "dev", "eth0"},
			{"-n", name, "link", "set", "eth0", "up"},
			{"-n", name, "route", "add", l.ServerAddr.String(), "via", c.gateway},
		}...)
	}
	return ipAll(ctx, steps)
}

// client is a client's place in the network.
type client struct {
	namespace *Namespace
	link      string     // the server's end of the link to it, or to its router
	gateway   string     // the other end of the client's own link
	router    string     // the name of its router
	outside   netip.Addr // the router's public address
	addr      netip.Addr
}

func (l *Lab) clients() []client {
	return []client{
		{l.A, "to-a", "10.77.1.1", "router-a", netip.MustParseAddr("203.0.113.11"), l.AAddr},
		{l.B, "to-b", "10.77.2.1", "router-b", netip.MustParseAddr("203.0.113.12"), l.BAddr},
	}
}

// add makes a namespace, which Close removes.
func (l *Lab) add(ctx context.Context, name string) (*Namespace, error) {
	name = l.prefix + name
	l.names = append(l.names, name) // even if only a part of it can be made
	n, err := newNamespace(ctx, name)
	if err == nil {
		l.namespaces = append(l.namespaces, n)
	}
	return n, err
}

// Connect gives the clients, of which none is behind a NAT, a route to each other, through
// the server.
func (l *Lab) Connect(ctx context.Context) error {
	return errors.Join(
		l.Server.Sysctl("net/ipv4/ip_forward", "1"),
		ip(ctx, "-n", l.A.Name, "route", "replace", l.BAddr.String(), "via", "10.77.1.1"),
		ip(ctx, "-n", l.B.Name, "route", "replace", l.AAddr.String(), "via", "10.77.2.1"),
	)
}

// Disconnect removes the route between the clients.
func (l *Lab) Disconnect(ctx context.Context) error {
	return errors.Join(
		l.Server.Sysctl("net/ipv4/ip_forward", "0"),
		ip(ctx, "-n", l.A.Name, "route", "del", l.BAddr.String()),
		ip(ctx, "-n", l.B.Name, "route", "del", l.AAddr.String()),
	)
}

// Move gives client a, which must be connected to b, another address in place of its own, as when it moves to another
// network. MoveBack gives it its own again.
func (l *Lab) Move(ctx context.Context) error {
	return errors.Join(
		l.replaceAddr(ctx, l.AAddr, l.AAddr.Next()),
		ip(ctx, "-n", l.B.Name, "route", "replace", l.AAddr.Next().String(), "via", "10.77.2.1"),
	)
}

// MoveBack undoes Move.
func (l *Lab) MoveBack(ctx context.Context) error {
	return errors.Join(
		l.replaceAddr(ctx, l.AAddr.Next(), l.AAddr),
		ip(ctx, "-n", l.B.Name, "route", "del", l.AAddr.Next().String()),
	)
}

// replaceAddr replaces the address of client a. Its routes go with the old one.
func (l *Lab) replaceAddr(ctx context.Context, old, addr netip.Addr) error {
	for _, step := range [][]string{
		{"addr", "del", old.String() + "/24", "dev", "eth0"},
		{"addr", "add", addr.String() + "/24", "dev", "eth0"},
		{"route", "replace", l.ServerAddr.String(), "via", "10.77.1.1"},
		{"route", "replace", l.BAddr.String(), "via", "10.77.1.1"},
	} {
		if err := ip(ctx, append([]string{"-n", l.A.Name}, step...)...); err != nil {
			return err
		}
	}
	return nil
}

// Unplug takes the link of a client down, as when its cable is pulled. plug brings it up, and
// the routes back.
func (l *Lab) Unplug(ctx context.Context, client *Namespace) (plug func(context.Context) error, err error) {
	//nolint:gosec // G204: the name is this package's own
	out, err := exec.CommandContext(ctx, "ip", "-n", client.Name, "route", "show").Output()
	if err == nil {
		err = ip(ctx, "-n", client.Name, "link", "set", "eth0", "down")
	}
	if err != nil {
		return nil, fmt.Errorf("unplug: %w", err)
	}
	return func(ctx context.Context) error {
		errs := []error{ip(ctx, "-n", client.Name, "link", "set", "eth0", "up")}
		for route := range strings.Lines(string(out)) {
			if fields := strings.Fields(route); slices.Contains(fields, "via") { // the kernel adds the others
				errs = append(errs, ip(ctx, append([]string{"-n", client.Name, "route", "replace"}, fields...)...))
			}
		}
		return errors.Join(errs...)
	}, nil
}

// Close removes the namespaces. All processes in them must have ended.
func (l *Lab) Close() error {
	return l.remove(context.Background())
}

func (l *Lab) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, n := range l.namespaces {
		n.close()
	}
	var errs []error
	for _, name := range l.names {
		errs = append(errs, ip(ctx, "netns", "del", name))
	}
	return errors.Join(errs...)
}

// sweep removes the namespaces of test processes that no longer exist.
func sweep(ctx context.Context) error {
	names, err := names(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		rest, ours := strings.CutPrefix(name, prefix)
		owner, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(owner)
		if !ours || err != nil || pid <= 0 || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		err = ip(ctx, "netns", "del", name)
		if _, gone := os.Stat(filepath.Join(folder, name)); err != nil && !errors.Is(gone, os.ErrNotExist) {
			return err // otherwise another sweep was faster
		}
	}
	return nil
}

func names(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "ip", "netns", "list").Output()
	if err != nil {
		return nil, fmt.Errorf("ip netns list: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 0 {
			names = append(names, fields[0])
		}
	}
	return names, nil
}

func ipAll(ctx context.Context, steps [][]string) error {
	for _, step := range steps {
		if err := ip(ctx, step...); err != nil {
			return err
		}
	}
	return nil
}

func ip(ctx context.Context, args ...string) error {
	//nolint:gosec // G204: the arguments are this package's own
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
