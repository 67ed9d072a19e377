package turnserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	// reachTime is how long to wait for a datagram to the server's own public address.
	reachTime = 2 * time.Second
	// reachEvery is the interval between two such datagrams.
	reachEvery = 250 * time.Millisecond
)

// RelayCheck is the result of CheckRelays for one relay address.
type RelayCheck struct {
	// Bound is the address that relay sockets are bound to, Public the one that clients and
	// peers are told.
	Bound, Public netip.Addr
	// Port is the relay port that was tried.
	Port uint16
	// Reached reports whether a datagram to the public address has come to the relay
	// socket.
	Reached bool
	// Err is why nothing could be tried. When it is nil and Reached false, nothing came.
	// Behind a NAT the reason may be that the NAT does not support hairpinning (RFC 4787,
	// section 6).
	Err error
}

// CheckRelays binds a relay socket at each relay address, as for a client, and sends datagrams
// from another socket of this machine to the public address. It returns after at most two seconds,
// or when ctx ends.
func (s *Server) CheckRelays(ctx context.Context) []RelayCheck {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	results := make([]RelayCheck, len(s.addresses.all))
	done := make(chan struct{})
	for i, a := range s.addresses.all {
		go func() {
			results[i] = a.reach(ctx, s.addresses.listen)
			done <- struct{}{}
		}()
	}
	for range results {
		<-done
	}
	return results
}

func (a *relayAddress) reach(ctx context.Context, listen func(network, address string) (net.PacketConn, error)) RelayCheck {
	r := RelayCheck{Bound: a.bind, Public: *a.public.Load()}
	network := "udp6"
	if a.bind.Is4() {
		network = "udp4"
	}
	relay, port, err := a.ports.bind(func(uint16) bool { return true }, func(port uint16) (net.PacketConn, error) {
		return listen(network, netip.AddrPortFrom(a.bind, port).String())
	})
	if err != nil {
		r.Err = err
		return r
	}
	defer func() {
		_ = relay.Close()     // it was only tried
		a.ports.restore(port) // no client ever had it
	}()
	r.Port = port
	sender, err := listen(network, net.JoinHostPort("", "0"))
	if err != nil {
		r.Err = fmt.Errorf("open a socket to send from: %w", err)
		return r
	}
	r.Reached, r.Err = crosses(ctx, sender, relay, netip.AddrPortFrom(r.Public, port))
	return r
}

// crosses reports whether what sender sends to the address to arrives at relay. It closes sender.
func crosses(ctx context.Context, sender, relay net.PacketConn, to netip.AddrPort) (bool, error) {
	token := []byte(rand.Text())
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		ended <- sendUntil(ctx, sender, token, net.UDPAddrFromAddrPort(to))
		_ = relay.SetReadDeadline(time.Unix(1, 0)) // ends the reading
	}()
	arrived := false
	for buffer := make([]byte, 2*len(token)); !arrived; {
		n, _, err := relay.ReadFrom(buffer)
		if err != nil {
			break
		}
		arrived = slices.Equal(buffer[:n], token)
	}
	cancel()
	err := <-ended
	if arrived {
		err = nil
	}
	return arrived, errors.Join(err, sender.Close())
}

// sendUntil sends token every reachEvery until ctx ends.
func sendUntil(ctx context.Context, sender net.PacketConn, token []byte, to net.Addr) error {
	ticks := time.NewTicker(reachEvery)
	defer ticks.Stop()
	for {
		if _, err := sender.WriteTo(token, to); err != nil {
			return fmt.Errorf("send to the public address: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
	}
}
