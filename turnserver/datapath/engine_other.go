//go:build !linux

package datapath

import (
	"errors"
	"net"
)

// engine exists on Linux only.
type engine struct{}

// sockaddr is an address in the kernel's form, which only engines need.
type sockaddr struct{}

func (p *Path) startEngines() error { return nil }

func (e *engine) stop() {}

func (e *engine) newDescriptor(*net.UDPConn, int) (packetConn, error) {
	return nil, errors.ErrUnsupported
}
