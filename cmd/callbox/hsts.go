package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// hstsOn tells browsers to use only HTTPS for 30 days. It does not include
	// subdomains, which may belong to others.
	hstsOn = "max-age=2592000"
	// hstsOff tells browsers to forget that.
	hstsOff = "max-age=0"
	// hstsPeriod is the time between two verifications of one certificate.
	hstsPeriod = time.Minute
)

// hsts decides about Strict-Transport-Security (RFC 6797). With it, people can no
// longer click through a certificate warning, so the header is sent only with a
// certificate that every browser accepts.
type hsts struct {
	off         bool
	certificate func() *tls.Certificate // the one in use, from files; nil = of a local authority
	roots       *x509.CertPool          // nil = the system's

	mu sync.Mutex
	// mu guards the following.
	verified *tls.Certificate
	trusted  bool
	until    time.Time // when to verify it again
}

// value returns the header for a request, "" = none.
func (h *hsts) value(r *http.Request) string {
	switch {
	case r.TLS == nil:
		return "" // browsers ignore it over plain HTTP
	case h.off:
		return hstsOff
	case h.certificate == nil:
		return ""
	}
	name := hostOf(r.Host)
	if _, err := netip.ParseAddr(name); err == nil { // browsers ignore it for IP addresses
		return ""
	}
	certificate := h.certificate()
	if certificate.Leaf.VerifyHostname(name) != nil || !h.trusts(certificate, time.Now()) {
		return ""
	}
	return hstsOn
}

// trusts reports whether the chain of a certificate leads to a trusted root.
func (h *hsts) trusts(certificate *tls.Certificate, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if certificate != h.verified || !now.Before(h.until) {
		intermediates := x509.NewCertPool()
		for _, der := range certificate.Certificate[1:] {
			if parsed, err := x509.ParseCertificate(der); err == nil {
				intermediates.AddCert(parsed)
			}
		}
		_, err := certificate.Leaf.Verify(x509.VerifyOptions{Roots: h.roots, Intermediates: intermediates, CurrentTime: now})
		h.verified, h.trusted, h.until = certificate, err == nil, now.Add(hstsPeriod)
	}
	return h.trusted
}
