//go:build !linux

package datapath

import (
	"errors"
	"net"
)

// engine exists on Linux alone.
type engine struct{}

// sockaddr is how the kernel writes an address, where that is of use.
type sockaddr struct{}

func (p *Path) startEngines() error { return nil }

func (e *engine) stop() {}

func (e *engine) take(*net.UDPConn, int) (port, error) { return nil, errors.ErrUnsupported }
