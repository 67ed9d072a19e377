package main

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"path/filepath"

	"callbox/cert"
)

// certificates provides the certificate for TLS: from files, or of a local authority.
// Both are nil if nothing is served over TLS.
type certificates struct {
	files *cert.Files
	local *cert.Local
}

// openCertificates loads or creates the certificate that the flags ask for. https
// reports whether more than TURN is served over TLS.
func (c *turnConfig) openCertificates(https bool, log *slog.Logger, faults *faults) certificates {
	var certs certificates
	var err error
	switch {
	case c.turnFlags.TLSCert != "" && c.turnFlags.TLSKey != "":
		certs.files, err = cert.NewFiles(c.turnFlags.TLSCert, c.turnFlags.TLSKey, log)
		faults.add("--tls-cert, --tls-key", err)
	case c.turnFlags.needsLocalCertificate(https) && c.data != "":
		certs.local, err = cert.LoadOrCreateLocal(filepath.Join(c.data, "cert"), func() []string {
			return append(cert.Hosts(), texts(c.public.addrs())...)
		}, log)
		faults.add("--data", err)
	}
	return certs
}

func texts(addrs []netip.Addr) []string {
	var all []string
	for _, addr := range addrs {
		all = append(all, addr.String())
	}
	return all
}

// config returns a TLS configuration for the given application protocols.
func (c *certificates) config(protocols ...string) *tls.Config {
	get := c.get()
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: get, NextProtos: protocols}
}

func (c *certificates) get() func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.files != nil {
		return c.files.GetCertificate
	}
	return c.local.GetCertificate
}

// follow reloads the certificate on SIGHUP.
func (c *certificates) follow(files *reloader) {
	switch {
	case c.files != nil:
		files.addOnHUP("--tls-cert, --tls-key", c.files.Reload)
	case c.local != nil:
		files.addOnHUP("local certificate", c.local.Reload)
	}
}

// leaf returns the certificate in use; nil = none.
func (c *certificates) leaf() *x509.Certificate {
	switch {
	case c.files != nil:
		return c.files.Leaf()
	case c.local != nil:
		return c.local.Leaf()
	default:
		return nil
	}
}
