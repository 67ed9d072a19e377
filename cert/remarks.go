package cert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

const (
	// minRSA is the shortest RSA key that browsers and systems accept, in bits (CA/Browser
	// Forum, Baseline Requirements, section 6.1.5).
	minRSA = 2048
	// maxRSA is the longest RSA key that Go and others verify, in bits.
	maxRSA = 8192
	// maxLife is the longest life that Apple's systems accept from any CA (HT103769).
	maxLife = 825 * 24 * time.Hour
	// maxPublicLife is the longest life that browsers accept from a public CA.
	maxPublicLife = 398 * 24 * time.Hour
)

// remarksOn explains why browsers may not accept a certificate and its chain. more reports
// whether the file contains certificates that Go cannot parse. roots are the trusted
// certificates; nil = the system's.
func remarksOn(chain []*x509.Certificate, more bool, roots *x509.CertPool, now time.Time) []string {
	leaf := chain[0]
	remarks := slices.Concat(nameRemarks(leaf), keyRemarks(leaf), useRemarks(leaf))
	for i, c := range chain {
		who := "the certificate"
		if i > 0 {
			who = "the CA certificate " + nameOf(c)
		}
		if now.After(c.NotAfter) {
			remarks = append(remarks, fmt.Sprintf("%s expired on %s; browsers refuse it", who, c.NotAfter.Format(time.DateTime)))
		} else if now.Before(c.NotBefore) {
			remarks = append(remarks, fmt.Sprintf("%s is not valid before %s; browsers refuse it until then, unless this machine's clock is wrong", who, c.NotBefore.Format(time.DateTime)))
		}
		if !isSelfSigned(c) && isWeak(c.SignatureAlgorithm) {
			remarks = append(remarks, fmt.Sprintf("%s is signed with %v, which browsers refuse", who, c.SignatureAlgorithm))
		}
	}
	return append(remarks, trustRemarks(chain, more, roots, now)...)
}

func nameRemarks(leaf *x509.Certificate) []string {
	var remarks []string
	if len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0 {
		remarks = append(remarks, fmt.Sprintf("it contains no names (subjectAltName); browsers refuse it, whatever its CN is (%q)", leaf.Subject.CommonName))
	}
	for _, name := range leaf.DNSNames {
		if _, err := netip.ParseAddr(name); err == nil {
			remarks = append(remarks, fmt.Sprintf("it lists the address %s as a DNS name, where browsers do not look for it; it must be subjectAltName=IP:%[1]s", name))
		}
	}
	return remarks
}

func keyRemarks(leaf *x509.Certificate) []string {
	const better = "; use ECDSA with P-256, or RSA with 2048 bits"
	switch key := leaf.PublicKey.(type) {
	case ed25519.PublicKey:
		return []string{"its key is of type Ed25519, which browsers do not accept" + better}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return []string{fmt.Sprintf("its key uses the curve %s, which not every browser accepts%s", key.Curve.Params().Name, better)}
		}
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA || bits > maxRSA {
			return []string{fmt.Sprintf("its RSA key has %d bits, which not every client accepts%s", bits, better)}
		}
	}
	return nil
}

func useRemarks(leaf *x509.Certificate) []string {
	var remarks []string
	uses := leaf.ExtKeyUsage
	if (len(uses) > 0 || len(leaf.UnknownExtKeyUsage) > 0) && !slices.Contains(uses, x509.ExtKeyUsageServerAuth) && !slices.Contains(uses, x509.ExtKeyUsageAny) {
		remarks = append(remarks, "it is not for servers (extendedKeyUsage without serverAuth); browsers refuse it")
	}
	if leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		remarks = append(remarks, "its key may not sign (keyUsage without digitalSignature); browsers refuse it")
	}
	if leaf.IsCA {
		remarks = append(remarks, "it is a CA certificate (CA:TRUE), which Firefox refuses from a server")
	}
	if len(leaf.UnhandledCriticalExtensions) > 0 {
		remarks = append(remarks, fmt.Sprintf("it contains the critical extensions %v; clients that do not know them refuse it", leaf.UnhandledCriticalExtensions))
	}
	statusRequest := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24} // RFC 7633
	for _, extension := range leaf.Extensions {
		if extension.Id.Equal(statusRequest) {
			remarks = append(remarks, "it requires the server to prove that it has not been revoked (OCSP must-staple), which callbox does not do; Firefox refuses it")
		}
	}
	return remarks
}

// trustRemarks returns a remark if the chain from the certificate to a root is incomplete,
// and one if the certificate is valid for longer than browsers accept.
func trustRemarks(chain []*x509.Certificate, more bool, roots *x509.CertPool, now time.Time) []string {
	leaf := chain[0]
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	var remarks []string
	if life > maxLife {
		remarks = append(remarks, fmt.Sprintf("it is valid for %d days; Apple devices accept at most 825", life/(24*time.Hour)))
	}
	at := leaf.NotAfter.Add(-time.Second) // there is another remark about expiry
	if now.Before(at) && !now.Before(leaf.NotBefore) {
		at = now
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err == nil {
		if life > maxPublicLife && life <= maxLife {
			remarks = append(remarks, fmt.Sprintf("it is valid for %d days; browsers accept at most 398 from a public CA", life/(24*time.Hour)))
		}
		return remarks
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown {
		return remarks
	}
	if len(chain) == 1 && !isSelfSigned(leaf) && !more {
		remarks = append(remarks, fmt.Sprintf("it was issued by %q, whose certificate is not in the file; clients that do not know it refuse the connection. "+
			"Perhaps this is cert.pem instead of fullchain.pem", leaf.Issuer))
	}
	return remarks
}

func isSelfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

func isWeak(algorithm x509.SignatureAlgorithm) bool {
	switch algorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	default:
		return false
	}
}
