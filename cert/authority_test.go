package cert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testAuthority returns the authority of a machine with two public addresses.
func testAuthority(t *testing.T) *authority {
	t.Helper()
	text, err := newAuthority(time.Now(), []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8:1:2::7"), netip.MustParseAddr("192.168.1.5")})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := parseAuthority(text)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// TestAuthorityIsNarrow signs, with the key of an authority, certificates that a thief
// would sign, and verifies them with Go and OpenSSL.
func TestAuthorityIsNarrow(t *testing.T) {
	t.Parallel()
	ca := testAuthority(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.crt")
	write(t, caFile, ca.pem)
	server := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	ip := func(text string) []net.IP { return []net.IP{net.IP(netip.MustParseAddr(text).AsSlice())} }
	for name, tc := range map[string]struct {
		leaf x509.Certificate
		good bool
	}{
		"localhost":          {x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: server}, true},
		"local name":         {x509.Certificate{DNSNames: []string{"den.local"}, ExtKeyUsage: server}, true},
		"loopback":           {x509.Certificate{IPAddresses: ip("127.0.0.1"), ExtKeyUsage: server}, true},
		"loopback 6":         {x509.Certificate{IPAddresses: ip("::1"), ExtKeyUsage: server}, true},
		"private":            {x509.Certificate{IPAddresses: ip("192.168.77.1"), ExtKeyUsage: server}, true},
		"unique local":       {x509.Certificate{IPAddresses: ip("fd00::1"), ExtKeyUsage: server}, true},
		"own":                {x509.Certificate{IPAddresses: ip("203.0.113.7"), ExtKeyUsage: server}, true},
		"own of another day": {x509.Certificate{IPAddresses: ip("2001:db8:1:2::8"), ExtKeyUsage: server}, true},
		"a site":             {x509.Certificate{DNSNames: []string{"google.com"}, ExtKeyUsage: server}, false},
		"a suffix":           {x509.Certificate{DNSNames: []string{"evillocal"}, ExtKeyUsage: server}, false},
		"a wildcard":         {x509.Certificate{DNSNames: []string{"*.com"}, ExtKeyUsage: server}, false},
		"address":            {x509.Certificate{IPAddresses: ip("1.1.1.1"), ExtKeyUsage: server}, false},
		"next to our own":    {x509.Certificate{IPAddresses: ip("203.0.113.8"), ExtKeyUsage: server}, false},
		"address 6":          {x509.Certificate{IPAddresses: ip("2606:4700:4700::1111"), ExtKeyUsage: server}, false},
		"mapped address":     {x509.Certificate{IPAddresses: []net.IP{net.IP(netip.MustParseAddr("::ffff:1.1.1.1").AsSlice())[:16]}, ExtKeyUsage: server}, false},
		"beside a good name": {x509.Certificate{DNSNames: []string{"localhost"}, IPAddresses: ip("8.8.8.8"), ExtKeyUsage: server}, false},
		"e-mail":             {x509.Certificate{EmailAddresses: []string{"a@example.com"}, ExtKeyUsage: server}, false},
		"e-mail of nobody":   {x509.Certificate{EmailAddresses: []string{"a@invalid"}, ExtKeyUsage: server}, false},
		"URI":                {x509.Certificate{URIs: []*url.URL{{Scheme: "https", Host: "example.com"}}, ExtKeyUsage: server}, false},
		"URI of nobody":      {x509.Certificate{URIs: []*url.URL{{Scheme: "https", Host: "invalid"}}, ExtKeyUsage: server}, false},
		"code":               {x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, false},
		"clients":            {x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, false},
		"mails":              {x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}, false},
	} {
		leaf := tc.leaf
		leaf.SerialNumber, leaf.Subject = big.NewInt(7), pkix.Name{CommonName: "thief"}
		leaf.NotBefore, leaf.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, &leaf, ca.cert, key.Public(), ca.key)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		purpose := map[x509.ExtKeyUsage]string{
			x509.ExtKeyUsageServerAuth: "sslserver", x509.ExtKeyUsageClientAuth: "sslclient", x509.ExtKeyUsageCodeSigning: "codesign", x509.ExtKeyUsageEmailProtection: "smimesign",
		}[leaf.ExtKeyUsage[0]]
		_, err = parsed.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: leaf.ExtKeyUsage})
		if (err == nil) != tc.good {
			t.Errorf("%s: Go says %v", name, err)
		}
		file := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		write(t, file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", caFile, file).CombinedOutput()
		if (err == nil) != tc.good && name != "mapped address" {
			t.Errorf("%s: OpenSSL says %s", name, out)
		}
	}
}

// TestLocalAuthorityOfOlderVersion checks that an authority that is constrained only in
// names is still used, with a warning.
func TestLocalAuthorityOfOlderVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := testAuthority(t)
	template := *old.cert
	template.ExtKeyUsage, template.PermittedIPRanges = nil, nil
	template.PermittedEmailAddresses, template.ExcludedEmailAddresses, template.PermittedURIDomains, template.ExcludedURIDomains = nil, nil, nil, nil
	template.ExtraExtensions, template.Extensions = nil, nil
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, old.key.Public(), old.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := encode(old.key, der)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, caFile), text)
	var log bytes.Buffer
	l, err := LoadOrCreateLocal(dir, hostsOf("localhost", "8.8.8.8"), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "created by an older version"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, &log)
	}
	if err := l.Leaf().VerifyHostname("8.8.8.8"); err != nil {
		t.Errorf("an address that the old authority vouched for: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, caFile)); err != nil || !bytes.Equal(after, text) {
		t.Errorf("the authority was changed: %v", err)
	}
}

// TestLocalNewPublicAddress gives the machine an address that its authority may not vouch
// for.
func TestLocalNewPublicAddress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := LoadOrCreateLocal(dir, hostsOf("localhost", "198.51.100.1"), nil); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	l, err := LoadOrCreateLocal(dir, hostsOf("localhost", "198.51.100.1", "198.51.100.2", "10.9.9.9"), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := l.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(l.CAPEM())
	for host, good := range map[string]bool{"198.51.100.1": true, "10.9.9.9": true, "localhost": true, "198.51.100.2": false} {
		if _, err := l.Leaf().Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); (err == nil) != good {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := strings.Count(log.String(), "may not vouch for"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, &log)
	}
}
