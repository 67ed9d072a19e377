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

// turnDialTimeout bounds TCP connect and TLS handshake with a TURN server.
const turnDialTimeout = 5 * time.Second

// turnDialer opens the connections to TURN servers over TCP and TLS. Pion's
// own way knows neither a TLS configuration nor how to be cancelled. It
// implements golang.org/x/net/proxy.Dialer, and speaks TLS with the addresses of
// turns: URLs.
type turnDialer struct {
	ctx    context.Context //nolint:containedctx // proxy.Dialer has no other place for it
	net    transport.Net   // nil: the kernel's
	tls    *tls.Config     // nil: the system's roots
	secure map[string]string

	mu     sync.Mutex
	faults []error
	opened map[netip.AddrPort]TURNProtocol // by the local end
}

// newTURNDialer makes a dialer for servers; it gives up when ctx ends.
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
		d.faults = append(d.faults, err)
		return nil, err
	}
	if local, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		d.opened[unmapped(local.AddrPort())] = d.protocol(address)
	}
	return conn, nil
}

// protocol is how the TURN server at an address is spoken with through this dialer.
func (d *turnDialer) protocol(address string) TURNProtocol {
	if _, isTLS := d.secure[address]; isTLS {
		return TURNOverTLS
	}
	return TURNOverTCP
}

// protocolOf is how the TURN server is spoken with that gave a relayed candidate. The
// candidate's related address is the client's end of the connection, and
// what this dialer has not opened is UDP.
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

// fault returns why the TURN servers could not be reached, nil when no attempt
// failed. A refused certificate says most, an address of the wrong family least.
func (d *turnDialer) fault() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	weight := func(err error) int {
		if isCertificateFault(err) {
			return 0
		}
		if _, ok := errors.AsType[*net.AddrError](err); ok {
			return 2
		}
		return 1
	}
	if len(d.faults) == 0 {
		return nil
	}
	return slices.MinFunc(d.faults, func(a, b error) int { return weight(a) - weight(b) })
}

// isCertificateFault says whether err is a refusal of the server's certificate.
func isCertificateFault(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}
