package turnserver

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// Listen opens UDP sockets for Config.PacketConns: as many as shards at the same address, over
// which the kernel spreads clients (SO_REUSEPORT), so that several processors can work for one
// port. network is "udp", "udp4" or "udp6". It opens only one where the system cannot do that,
// or when shards is 1 or less. The caller closes them, or passes them to New.
func Listen(ctx context.Context, network, address string, shards int) ([]net.PacketConn, error) {
	// The first is bound without the option, so that the address is not shared with another
	// program that uses the option.
	var alone net.ListenConfig
	first, err := alone.ListenPacket(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if shards <= 1 || !canShare {
		return []net.PacketConn{first}, nil
	}
	address = first.LocalAddr().String()
	if err := first.Close(); err != nil {
		return nil, err
	}
	var conns []net.PacketConn
	shared := net.ListenConfig{Control: sharePort}
	for range shards {
		conn, err := shared.ListenPacket(ctx, network, address)
		if err != nil {
			errs := []error{fmt.Errorf("share %s: %w", address, err)}
			for _, conn := range conns {
				errs = append(errs, conn.Close())
			}
			return nil, errors.Join(errs...)
		}
		conns = append(conns, conn)
	}
	return conns, nil
}
