package doctor

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// soon is how long before its end a certificate is reported.
const soon = 7 * 24 * time.Hour

// checkCertificate verifies the certificates of the server, its own first.
func (r *run) checkCertificate(chain []*x509.Certificate) Finding {
	return VerifyCertificate(chain, r.url.Hostname(), r.config.Roots, time.Now())
}

// VerifyCertificate checks whether clients accept a chain, the server's own certificate first, for a name
// or an address. roots nil = the system's.
func VerifyCertificate(chain []*x509.Certificate, name string, roots *x509.CertPool, now time.Time) Finding {
	if len(chain) == 0 {
		return fault(Certificate, Fail, CertificateUntrusted, "The server shows no certificate.", "", "Give the server a certificate: --tls-cert and --tls-key.")
	}
	leaf := chain[0]
	const renew = "Renew the certificate; callbox rereads the files of --tls-cert and --tls-key when they change."
	// What is wrong with the certificate itself comes before the authority, which Verify looks at first.
	switch {
	case now.After(leaf.NotAfter):
		return fault(Certificate, Fail, CertificateExpired, fmt.Sprintf("The certificate has expired on %s.", day(leaf.NotAfter)),
			"Browsers warn of the page, and accept no TURN over TLS.", renew)
	case now.Before(leaf.NotBefore):
		return fault(Certificate, Fail, CertificateNotYet, fmt.Sprintf("The certificate is valid only from %s on.", day(leaf.NotBefore)),
			"The clock of this device is behind, or the one of whoever made the certificate is ahead.", "Set both clocks automatically.")
	case leaf.VerifyHostname(name) != nil:
		return fault(Certificate, Fail, CertificateName, fmt.Sprintf("The certificate is not valid for %s.", name),
			"It names "+names(leaf)+".", "Use a name of the certificate in the URL, or get a certificate for this one: --tls-cert and --tls-key.")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between, CurrentTime: now}); err != nil {
		return untrusted(leaf, err)
	}
	if left := leaf.NotAfter.Sub(now); left < soon && leaf.NotAfter.Sub(leaf.NotBefore) > 2*soon {
		return fault(Certificate, Warn, CertificateExpired, fmt.Sprintf("The certificate expires on %s.", day(leaf.NotAfter)), "", renew)
	}
	return good(Certificate, fmt.Sprintf("Valid for %s until %s.", name, day(leaf.NotAfter)))
}

// untrusted explains why a certificate is not trusted although it is for the name.
func untrusted(leaf *x509.Certificate, err error) Finding {
	why := fmt.Sprintf("It is signed by %q, which this machine does not know.", leaf.Issuer.CommonName)
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok || unknown.Cert == nil {
		why = sentence(err)
	}
	return fault(Certificate, Fail, CertificateUntrusted, "The certificate is not trusted.", why,
		"If the server signs it itself, trust its authority (SSL_CERT_FILE=ca.crt, the file that the server hands out at /ca.crt) or use --insecure. "+
			"Otherwise put the certificates of the authorities in between into the file of --tls-cert, after the server's own.")
}

// acceptLocalAuthority makes a warning of the certificate that a server signs itself: people can use the
// page in spite of it.
func acceptLocalAuthority(findings []Finding, asked *asked) {
	for i := range findings {
		if f := &findings[i]; f.Code == CertificateUntrusted && asked.LocalAuthority {
			*f = fault(Certificate, Warn, f.Code, "The server has signed its certificate itself.", "Browsers warn of the page until its authority is trusted, and do not use TURN over TLS.",
				"Trust the authority (the file that the server hands out at /ca.crt; for this program, SSL_CERT_FILE=ca.crt), or give the server a certificate for a public name, with --tls-cert.")
		}
	}
}

// names returns whom a certificate is for.
func names(leaf *x509.Certificate) string {
	all := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	const most = 4
	switch {
	case len(all) == 0:
		return "nobody"
	case len(all) > most:
		return strings.Join(all[:most], ", ") + fmt.Sprintf(" and %d more", len(all)-most)
	default:
		return strings.Join(all, ", ")
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
