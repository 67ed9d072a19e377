package cert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"callbox/internal/safefile"
)

const (
	caLife = 10 * 365 * 24 * time.Hour
	// leafLife is the longest life that browsers accept, 398 days, minus one day.
	leafLife = 397 * 24 * time.Hour
	// backdate makes new certificates valid on devices whose clocks are behind.
	backdate = time.Hour
)

// authority is the local certificate authority, as stored in caFile.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte // of cert
}

// localSuffixes returns the DNS domains that exist only in local networks (RFC 6762,
// RFC 8375, RFC 6761; "lan" by custom).
func localSuffixes() []string {
	return []string{"localhost", "local", "lan", "home.arpa", "internal", "test"}
}

func (l *Local) openAuthority() error {
	name := filepath.Join(l.dir, caFile)
	text, err := safefile.ReadPrivate(name, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err := l.mayCreateAuthority(name); err != nil {
			return err
		}
		if text, err = l.createAuthority(name); err != nil {
			return err
		}
	} else if err != nil {
		return fmt.Errorf("local certificate authority: %w", err)
	}
	if l.ca, err = parseAuthority(text); err != nil {
		return fmt.Errorf("local certificate authority: %s: %w; restore the file from a backup, or remove it and %s "+
			"to create a new authority, which devices must be told to trust again", name, err, l.CAFile())
	}
	if now := l.now(); now.After(l.ca.cert.NotAfter) {
		return fmt.Errorf("local certificate authority: %s expired on %s; remove it and %s to create a new authority, "+
			"which devices must be told to trust again", name, l.ca.cert.NotAfter.Format(time.DateOnly), l.CAFile())
	} else if now.Before(l.ca.cert.NotBefore) {
		return fmt.Errorf("local certificate authority: %s is valid only from %s, which is in the future; correct this machine's clock",
			name, l.ca.cert.NotBefore.Format(time.DateTime))
	}
	if !l.ca.isNarrow() {
		l.log.Warn("the local certificate authority was created by an older version, and anyone who obtains its key could sign certificates for more than this machine; "+
			"to create a more restricted one, which devices must be told to trust again, remove both files and restart", "key", name, "certificate", l.CAFile())
	}
	if remark := safefile.OpenToOthers(name); remark != "" {
		l.log.Warn("the key of the local certificate authority is not private", "remark", remark)
	}
	if public, err := safefile.ReadPrivate(l.CAFile(), maxFile); err != nil || !bytes.Equal(public, l.ca.pem) {
		return safefile.WritePrivate(l.CAFile(), l.ca.pem, 0o644)
	}
	return nil
}

// mayCreateAuthority returns an error if there is the certificate of an authority whose
// key is missing.
func (l *Local) mayCreateAuthority(name string) error {
	if _, err := os.Lstat(l.CAFile()); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("local certificate authority: %w", err)
	}
	return fmt.Errorf("local certificate authority: %s, the key of %s, is missing; restore it from a backup, or remove %[2]s too "+
		"to create a new authority, which devices must be told to trust again", name, l.CAFile())
}

// createAuthority writes a new authority and returns the text of the file, which is that
// of another process if that came first.
func (l *Local) createAuthority(name string) ([]byte, error) {
	text, err := newAuthority(l.now(), parseHosts(l.hosts()).addrs)
	if err != nil {
		return nil, fmt.Errorf("local certificate authority: %w", err)
	}
	err = safefile.CreatePrivate(name, text, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return safefile.ReadPrivate(name, maxFile)
	}
	if err != nil {
		return nil, err
	}
	l.log.Info("local certificate authority created", "file", name)
	return text, nil
}

// newAuthority returns a new authority that can vouch for this machine's name, for
// names and addresses of local networks, and for the machine's own addresses.
func newAuthority(now time.Time, own []netip.Addr) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	host := hostName()
	permitted := localSuffixes()
	if host != "" && !slices.Contains(permitted, host) {
		permitted = append(permitted, host)
	}
	commonName := "callbox local CA"
	if host != "" {
		commonName += " of " + host
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"callbox"}, CommonName: cut(commonName, 64)},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		PermittedDNSDomainsCritical: true, // of all constraints
		PermittedDNSDomains:         permitted,
		PermittedIPRanges:           permittedRanges(own),
	}
	// No names of these kinds are permitted. Libraries disagree on the meaning of an
	// empty constraint, so one reserved domain (RFC 6761) is permitted, and excluded as
	// well.
	template.PermittedEmailAddresses, template.ExcludedEmailAddresses = []string{"invalid"}, []string{"invalid"}
	template.PermittedURIDomains, template.ExcludedURIDomains = []string{"invalid"}, []string{"invalid"}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return encode(key, der)
}

func parseAuthority(text []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA || pair.Leaf.KeyUsage&x509.KeyUsageCertSign == 0 {
		return nil, errors.New("this is not a CA certificate")
	}
	return &authority{cert: pair.Leaf, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Leaf.Raw})}, nil
}

// localRanges returns the networks whose addresses have another meaning in every local
// network: loopback, link-local, private, shared and unique local ones.
func localRanges() []string {
	return []string{
		"127.0.0.0/8", "169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
		"::1/128", "fe80::/10", "fc00::/7",
	}
}

// permittedRanges returns the networks that an authority may vouch for: local ones, and
// the machine's own addresses. For an IPv6 address that is its /64, within which machines
// change their addresses from day to day (RFC 8981).
func permittedRanges(own []netip.Addr) []*net.IPNet {
	var ranges []*net.IPNet
	for _, text := range localRanges() {
		ranges = append(ranges, ipNet(netip.MustParsePrefix(text)))
	}
	for _, addr := range own {
		if !slices.ContainsFunc(ranges, func(r *net.IPNet) bool { return r.Contains(addr.AsSlice()) }) {
			bits := addr.BitLen()
			if addr.Is6() {
				bits = 64
			}
			ranges = append(ranges, ipNet(netip.PrefixFrom(addr, bits).Masked()))
		}
	}
	return ranges
}

func ipNet(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
}

// isNarrow reports whether the authority is fully constrained. Those created by older
// versions are constrained only in names.
func (a *authority) isNarrow() bool {
	return len(a.cert.ExtKeyUsage) == 1 && len(a.cert.PermittedIPRanges) > 0 && len(a.cert.PermittedDNSDomains) > 0
}

// permitted divides hosts into those for which the authority's constraints let it sign,
// and the others, any of which would make the whole certificate invalid.
func (a *authority) permitted(want sans) (may, mayNot sans) {
	for _, name := range want.names {
		if len(a.cert.PermittedDNSDomains) == 0 || slices.ContainsFunc(a.cert.PermittedDNSDomains, func(domain string) bool {
			return name == domain || strings.HasSuffix(name, "."+domain)
		}) {
			may.names = append(may.names, name)
		} else {
			mayNot.names = append(mayNot.names, name)
		}
	}
	for _, addr := range want.addrs {
		if len(a.cert.PermittedIPRanges) == 0 || slices.ContainsFunc(a.cert.PermittedIPRanges, func(r *net.IPNet) bool { return r.Contains(addr.AsSlice()) }) {
			may.addrs = append(may.addrs, addr)
		} else {
			mayNot.addrs = append(mayNot.addrs, addr)
		}
	}
	return may, mayNot
}

// sign returns a new key and its certificate for the hosts, in PEM.
func (a *authority) sign(hosts sans, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"callbox"}, CommonName: "callbox"},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(leafLife - backdate),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     hosts.names,
	}
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	for _, addr := range hosts.addrs {
		template.IPAddresses = append(template.IPAddresses, net.IP(addr.AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return encode(key, der)
}

func encode(key *ecdsa.PrivateKey, der []byte) ([]byte, error) {
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...), nil
}

// serial returns a random serial number of 127 bits (RFC 5280, section 4.1.2.2).
func serial() *big.Int {
	var octets [16]byte
	_, _ = rand.Read(octets[:]) // never fails
	octets[0] &= 0x7f
	return new(big.Int).SetBytes(octets[:])
}

func cut(s string, n int) string {
	return s[:min(len(s), n)]
}
