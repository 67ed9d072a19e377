//go:build !linux

package datapath

import (
	"errors"
	"net"
	"net/netip"
)

// Elsewhere the kernel chooses the address to answer from.
const controlBytes = 0

func tellArrivals(*net.UDPConn) error { return errors.ErrUnsupported }
func arrivedAt([]byte) netip.Addr     { return netip.Addr{} }
func sentFrom(netip.Addr) []byte      { return nil }

func setDontFragment(*net.UDPConn, bool) error { return errors.ErrUnsupported }
