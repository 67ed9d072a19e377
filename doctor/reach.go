package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"callbox/internal/netaddr"
)

// reach connects to the server, and looks at its certificate.
func (r *run) reach(ctx context.Context) (server Finding, certificate []Finding) {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	port := r.url.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[r.url.Scheme]
	}
	begun := time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(r.url.Hostname(), port))
	if err != nil {
		return r.unreachable(port, err), nil
	}
	defer conn.Close()
	r.at = netaddr.AddrPort(conn.RemoteAddr()).Addr()
	answers := func() Finding {
		took := time.Since(begun)
		return good(Server, fmt.Sprintf("Answered in %d ms.", took.Milliseconds())).took(took)
	}
	if r.url.Scheme == "http" {
		r.trusted = true // whoever gives an http URL knows that anybody on the way can read it
		return answers(), nil
	}
	secure := tls.Client(conn, anyCertificate(r.url.Hostname()))
	if err := secure.HandshakeContext(ctx); err != nil {
		return fault(Server, Fail, ServerWithoutTLS, "There is no TLS at this address.", sentence(errors.New(shortError(err))),
			"Check the port in the URL; if the server speaks plain HTTP there, begin the URL with http://."), nil
	}
	server = answers()
	found := r.checkCertificate(secure.ConnectionState().PeerCertificates)
	r.trusted = found.Level != Fail || r.config.Insecure
	if found.Level == Fail && r.config.Insecure {
		found.Level = Warn
	}
	return server, []Finding{found}
}

// unreachable explains why there is no connection.
func (r *run) unreachable(port string, err error) Finding {
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return fault(Server, Fail, ServerNameUnknown, fmt.Sprintf("The name %s could not be resolved.", r.url.Hostname()), sentence(errors.New(name.Err)),
			"Check the spelling of the name, its DNS records, and the DNS server of this network.")
	}
	why := "A firewall on the way drops the packets, or no machine has this address."
	if isRefused(err) {
		why = "The machine answers, but no server listens on this port, or a firewall rejects it."
	}
	return fault(Server, Fail, ServerUnreachable, fmt.Sprintf("The server cannot be reached: TCP port %s does not answer.", port), why,
		"Check that callbox runs and that its firewall lets the port through; try another network.")
}
