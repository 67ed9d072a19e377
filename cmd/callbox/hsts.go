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
	// hstsOn has browsers use HTTPS alone for 30 days, and says nothing of
	// subdomains, which may be others'.
	hstsOn = "max-age=2592000"
	// hstsOff has them forget it.
	hstsOff = "max-age=0"
	// hstsPeriod is the time between two verifications of one certificate.
	hstsPeriod = time.Minute
)

// hsts decides about Strict-Transport-Security (RFC 6797). A name for which
// browsers insist on HTTPS can no longer be reached past a warning, so only a
// certificate that anybody's browser accepts may ask for that.
type hsts struct {
	off         bool
	certificate func() *tls.Certificate // in use, of files; nil = a local authority signs
	roots       *x509.CertPool          // nil = the system's

	mu sync.Mutex
	// mu guards the following.
	verified *tls.Certificate
	trusted  bool
	until    time.Time // when it is to be verified again
}

// value returns the header for a request, "" = none.
func (h *hsts) value(r *http.Request) string {
	switch {
	case r.TLS == nil:
		return "" // browsers heed it over HTTPS only
	case h.off:
		return hstsOff
	case h.certificate == nil:
		return ""
	}
	name := hostOf(r.Host)
	if _, err := netip.ParseAddr(name); err == nil { // browsers heed it for names only
		return ""
	}
	certificate := h.certificate()
	if certificate.Leaf.VerifyHostname(name) != nil || !h.trusts(certificate, time.Now()) {
		return ""
	}
	return hstsOn
}

// trusts reports whether a certificate's chain leads to a trusted root.
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
