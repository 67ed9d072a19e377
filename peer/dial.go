package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"
)

// turnDialTimeout is for the TCP connection to a TURN server and the TLS handshake.
const turnDialTimeout = 5 * time.Second

// turnDialer opens the connections to TURN servers over TCP and TLS. Pion itself
// supports neither a TLS configuration nor cancellation for them. turnDialer
// implements golang.org/x/net/proxy.Dialer, and uses TLS with the addresses of
// turns: URLs.
type turnDialer struct {
	ctx    context.Context //nolint:containedctx // proxy.Dialer has no other place for it
	net    transport.Net   // nil = the kernel's
	tls    *tls.Config     // nil = the system's roots
	secure map[string]string

	mu       sync.Mutex
	failures []error
	opened   map[netip.AddrPort]TURNProtocol // by local address
}

// newTURNDialer returns a dialer for servers. It gives up when ctx ends.
func newTURNDialer(ctx context.Context, servers []webrtc.ICEServer, n transport.Net, config *tls.Config) *turnDialer {
	d := &turnDialer{
		ctx: ctx, net: n, tls: config,
		secure: make(map[string]string), opened: make(map[netip.AddrPort]TURNProtocol),
	}
	for _, u := range turnURLs(servers, string(TURNOverTLS)) {
		address := serverAddress(u)
		host, _, err := net.SplitHostPort(address)
		if err == nil {
			d.secure[address] = host
		}
	}
	return d
}

// Dial implements proxy.Dialer.
func (d *turnDialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.ctx, turnDialTimeout)
	defer cancel()
	conn, err := d.dial(ctx, network, address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.failures = append(d.failures, err)
		return nil, err
	}
	if local, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		d.opened[unmapped(local.AddrPort())] = d.protocol(address)
	}
	return conn, nil
}

// protocol returns the protocol that this dialer uses with the TURN server at an
// address.
func (d *turnDialer) protocol(address string) TURNProtocol {
	if _, isTLS := d.secure[address]; isTLS {
		return TURNOverTLS
	}
	return TURNOverTCP
}

// protocolOf returns the protocol used with the TURN server of a relayed candidate.
// The candidate's related address is the client's end of the connection. If this
// dialer has not opened it, it is UDP.
func (d *turnDialer) protocolOf(c *webrtc.ICECandidate) TURNProtocol {
	local, err := netip.ParseAddr(c.RelatedAddress)
	if err != nil {
		return TURNOverUDP
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if protocol, ok := d.opened[unmapped(netip.AddrPortFrom(local, c.RelatedPort))]; ok {
		return protocol
	}
	return TURNOverUDP
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func (d *turnDialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var (
		conn   net.Conn
		err    error
		dialer = &net.Dialer{Timeout: turnDialTimeout}
	)
	if d.net != nil {
		conn, err = d.net.CreateDialer(dialer).Dial(network, address)
	} else {
		conn, err = dialer.DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	host, isTLS := d.secure[address]
	if !isTLS {
		return conn, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.tls != nil {
		config = d.tls.Clone()
	}
	config.ServerName, config.NextProtos = host, nil
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

// failure returns why the TURN servers could not be reached, or nil if no attempt
// failed. Of several errors it prefers that of an untrusted certificate, and an
// address of the wrong family comes last.
func (d *turnDialer) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	weight := func(err error) int {
		if isCertificateError(err) {
			return 0
		}
		if _, ok := errors.AsType[*net.AddrError](err); ok {
			return 2
		}
		return 1
	}
	if len(d.failures) == 0 {
		return nil
	}
	return slices.MinFunc(d.failures, func(a, b error) int { return weight(a) - weight(b) })
}

// isCertificateError reports whether err says that the server's certificate is not
// trusted.
func isCertificateError(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}
