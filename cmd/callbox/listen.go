package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"callbox/turnserver"
)

// listeners holds the bound sockets of a server.
type listeners struct {
	http, https, admin net.Listener // nil = off
	turnUDP            []net.PacketConn
	stunUDP            net.PacketConn // of --stun-udp; nil = off
	turnTCP, turnTLS   []net.Listener
	shared             bool // https also serves TURN over TLS
}

// listen binds all sockets that the flags name, and adds a fault for each that cannot
// be bound. The caller must close them.
func (c *serveCommand) listen(ctx context.Context, faults *faults) *listeners {
	l := c.turnFlags.listen(ctx, faults)
	if c.StunUDP != "" && len(c.TurnUDP) > 0 {
		l.stunUDP = listenUDP(ctx, "--stun-udp", c.StunUDP, faults)
	}
	l.http = listenTCP(ctx, webListenConfig(), "--http", c.HTTP, faults)
	l.https = listenTCP(ctx, webListenConfig(), "--https", c.HTTPS, faults)
	l.admin = listenTCP(ctx, new(net.ListenConfig), "--admin", c.Admin, faults)
	return l
}

func (f *turnFlags) listen(ctx context.Context, faults *faults) *listeners {
	l := &listeners{}
	for _, address := range f.TurnTCP {
		if listener := listenTCP(ctx, new(net.ListenConfig), "--turn-tcp", address, faults); listener != nil {
			l.turnTCP = append(l.turnTCP, listener)
		}
	}
	for _, address := range f.TurnTLS {
		if listener := listenTCP(ctx, new(net.ListenConfig), "--turn-tls", address, faults); listener != nil {
			l.turnTLS = append(l.turnTLS, listener)
		}
	}
	for _, address := range f.TurnUDP {
		if checkAddress("--turn-udp", address, faults) {
			conns, err := turnserver.Listen(ctx, "udp", address, runtime.GOMAXPROCS(0))
			if err != nil {
				faults.add("--turn-udp", bindFault(address, err))
			}
			l.turnUDP = append(l.turnUDP, conns...)
		}
	}
	return l
}

func listenUDP(ctx context.Context, flag, address string, faults *faults) net.PacketConn {
	if !checkAddress(flag, address, faults) {
		return nil
	}
	var config net.ListenConfig
	conn, err := config.ListenPacket(ctx, "udp", address)
	if err != nil {
		faults.add(flag, bindFault(address, err))
		return nil
	}
	return conn
}

// webListenConfig saves five system calls for each connection of the web listeners,
// by which Go would set options. They need no keep-alive: signaling sends pings, HTTP
// has timeouts, and a connection whose client acknowledges nothing ends by an option
// (TCP_USER_TIMEOUT) that it inherits from the listener, which it would not do with
// Multipath TCP.
func webListenConfig() *net.ListenConfig {
	config := &net.ListenConfig{KeepAlive: -1}
	config.SetMultipathTCP(false)
	return config
}

func listenTCP(ctx context.Context, config *net.ListenConfig, flag, address string, faults *faults) net.Listener {
	if address == "" || !checkAddress(flag, address, faults) {
		return nil
	}
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		faults.add(flag, bindFault(address, err))
		return nil
	}
	return listener
}

// checkAddress adds a fault, and returns false, if address is not a host and a port.
func checkAddress(flag, address string, faults *faults) bool {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		faults.addf(flag, "%q is not an address with a port, such as :8443 or 127.0.0.1:0", address)
		return false
	}
	return true
}

// bindFault explains why a socket could not be bound to an address.
func bindFault(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is already in use; choose another port (0 = any free port), or stop the program that uses it", address)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not listen on %s; choose a port above 1023", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is not an address of this machine", address)
	default:
		return err
	}
}

// close closes all sockets, for a start that fails.
func (l *listeners) close() error {
	var closers []io.Closer
	for _, listener := range slices.Concat([]net.Listener{l.http, l.https, l.admin}, l.turnTCP, l.turnTLS) {
		if listener != nil {
			closers = append(closers, listener)
		}
	}
	for _, conn := range l.turnUDP {
		closers = append(closers, conn)
	}
	if l.stunUDP != nil {
		closers = append(closers, l.stunUDP)
	}
	var errs []error
	for _, closer := range closers {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}
