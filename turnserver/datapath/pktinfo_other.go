//go:build !linux

package datapath

import (
	"errors"
	"net"
	"net/netip"
)

// Elsewhere the kernel chooses the address to answer from.
const controlBytes = 0

func enablePktinfo(*net.UDPConn) error { return errors.ErrUnsupported }
func localAddrOf([]byte) netip.Addr    { return netip.Addr{} }
func pktinfoFrom(netip.Addr) []byte    { return nil }

func setDontFragment(*net.UDPConn, bool) error { return errors.ErrUnsupported }
