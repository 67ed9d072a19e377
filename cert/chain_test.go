package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// issued is a certificate that a test created, with its key.
type issued struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (i issued) certPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}))
}

func (i issued) keyPEM(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// issue creates a certificate, signed by an authority or self-signed.
func issue(t *testing.T, by *issued, key crypto.Signer, change func(*x509.Certificate)) issued {
	t.Helper()
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "call.example.org"}, DNSNames: []string{"call.example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issued{cert, key}
}

func issueAuthority(t *testing.T, by *issued, name string) *issued {
	t.Helper()
	ca := issue(t, by, nil, func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames, c.IsCA, c.KeyUsage, c.ExtKeyUsage = name, nil, true, x509.KeyUsageCertSign, nil
	})
	return &ca
}

func utf16LE(text string) string {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return string(out)
}

// TestFilesAsTheyAreMet reads certificates and keys in the formats of many programs, and
// serves the chain in the right order.
func TestFilesAsTheyAreMet(t *testing.T) {
	t.Parallel()
	root := issueAuthority(t, nil, "root")
	middle := issueAuthority(t, root, "middle")
	leaf := issue(t, middle, nil, nil)
	l, m, r, key := leaf.certPEM(), middle.certPEM(), root.certPEM(), leaf.keyPEM(t)
	ecKey, ok := leaf.key.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("no ECDSA key")
	}
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	parameters := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	other := issue(t, nil, nil, nil)
	trusted := pem.EncodeToMemory(&pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: append(bytes.Clone(leaf.cert.Raw), 0x30, 0)})
	indented := strings.ReplaceAll("\n"+l+m, "\n", "\n    ")
	for name, tc := range map[string]struct{ cert, key string }{
		"as it should be":        {l + m, key},
		"reversed":               {m + l, key},
		"reversed with the root": {r + m + l, key},
		"root in between":        {l + r + m, key},
		"twice":                  {l + m + l + m, key},
		"glued":                  {strings.TrimSpace(l) + strings.TrimSpace(m), key},
		"glued and reversed":     {strings.TrimSpace(m) + l, strings.TrimSpace(key)},
		"CRLF":                   {strings.ReplaceAll(l+m, "\n", "\r\n"), strings.ReplaceAll(key, "\n", "\r\n")},
		"CR":                     {strings.ReplaceAll(l+m, "\n", "\r"), strings.ReplaceAll(key, "\n", "\r")},
		"byte order mark":        {"\ufeff" + l + m, "\ufeff" + key},
		"UTF-16":                 {utf16LE(l + m), utf16LE(key)},
		"indented":               {indented, strings.ReplaceAll("\n"+key, "\n", "\n\t")},
		"blanks of a web page":   {strings.ReplaceAll(l+m, "\n", "\u00a0\n\n"), strings.ReplaceAll(key, "\n", "\u200b \n")},
		"of JSON":                {strings.ReplaceAll(l+m, "\n", `\n`), strings.ReplaceAll(key, "\n", `\r\n`)},
		"text between":           {"Bag Attributes\n    localKeyID: 01\nsubject=CN = call\n" + l + "issuer: x\n" + m, "Bag Attributes: <No Attributes>\n" + key},
		"key behind parameters":  {l + m, parameters + string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))},
		"all in one":             {key + l + m, l + m + key},
		"two keys":               {l + m, other.keyPEM(t) + key},
		"trusted certificate":    {string(trusted) + m, key},
	} {
		pair, remarks, err := parsePair("tls.crt", []byte(tc.cert), "tls.key", []byte(tc.key))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(remarks) > 0 {
			t.Errorf("%s: remarks %q", name, remarks)
		}
		if !pair.Leaf.Equal(leaf.cert) || len(pair.Certificate) < 2 || !bytes.Equal(pair.Certificate[0], leaf.cert.Raw) || !bytes.Equal(pair.Certificate[1], middle.cert.Raw) {
			t.Errorf("%s: the chain is not in order", name)
		}
	}
}

// TestFilesWithRemarks serves certificates that browsers do not accept, with warnings.
func TestFilesWithRemarks(t *testing.T) {
	t.Parallel()
	ca := issueAuthority(t, nil, "Test CA")
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ended := issue(t, nil, nil, func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.KeyUsage, c.NotAfter = "ended CA", true, x509.KeyUsageCertSign, time.Now().Add(-time.Minute)
	})
	change := func(change func(*x509.Certificate)) issued { return issue(t, ca, nil, change) }
	staple, _ := asn1.Marshal([]int{5})
	stranger := issue(t, nil, nil, func(c *x509.Certificate) { c.Subject.CommonName = "stranger" })
	for name, tc := range map[string]struct {
		leaf issued
		rest string
		want []string
	}{
		"leaf alone":         {change(nil), "", []string{`issued by "CN=Test CA"`, "not in the file", "fullchain.pem"}},
		"a stranger":         {change(nil), ca.certPEM() + stranger.certPEM(), []string{`"CN=stranger"`, "is ignored"}},
		"no names":           {change(func(c *x509.Certificate) { c.DNSNames = nil }), ca.certPEM(), []string{"contains no names", "call.example.org"}},
		"address as a name":  {change(func(c *x509.Certificate) { c.DNSNames = []string{"192.0.2.1"} }), ca.certPEM(), []string{"IP:192.0.2.1"}},
		"Ed25519":            {issue(t, ca, edKey, nil), ca.certPEM(), []string{"Ed25519"}},
		"P-521":              {issue(t, ca, p521, nil), ca.certPEM(), []string{"P-521"}},
		"RSA 1024":           {issue(t, ca, short, nil), ca.certPEM(), []string{"1024 bits"}},
		"ended":              {change(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), ca.certPEM(), []string{"the certificate expired on"}},
		"authority ended":    {issue(t, &ended, nil, nil), ended.certPEM(), []string{`the CA certificate "CN=ended CA" expired on`}},
		"not yet":            {change(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), ca.certPEM(), []string{"is not valid before"}},
		"for clients":        {change(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), ca.certPEM(), []string{"not for servers"}},
		"signs nothing":      {change(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), ca.certPEM(), []string{"may not sign"}},
		"an authority's own": {issue(t, nil, nil, func(c *x509.Certificate) { c.IsCA = true }), "", []string{"CA:TRUE"}},
		"for three years":    {change(func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(3, 0, 0) }), ca.certPEM(), []string{"825"}},
		"must-staple": {change(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: staple}}
		}), ca.certPEM(), []string{"must-staple"}},
		"damaged authority": {change(nil), "-----BEGIN CERTIFICATE-----\nMIIB*\n-----END CERTIFICATE-----\n" + ca.certPEM(), []string{"1 PEM block(s)"}},
	} {
		certFile, keyFile := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
		write(t, certFile, []byte(tc.leaf.certPEM()+tc.rest))
		write(t, keyFile, []byte(tc.leaf.keyPEM(t)))
		var log bytes.Buffer
		f, err := NewFiles(certFile, keyFile, slog.New(slog.NewJSONHandler(&log, nil)))
		if err != nil || !f.Leaf().Equal(tc.leaf.cert) {
			t.Errorf("%s: %v", name, err)
		}
		text := strings.ReplaceAll(log.String(), `\"`, `"`)
		if n := strings.Count(text, `"level":"WARN"`); n != 1 {
			t.Errorf("%s: %d warnings, want one:\n%s", name, n, text)
		}
		for _, word := range tc.want {
			if !strings.Contains(text, word) {
				t.Errorf("%s: the log does not say %q:\n%s", name, word, text)
			}
		}
	}
	weak := *issue(t, ca, nil, nil).cert
	weak.SignatureAlgorithm = x509.SHA1WithRSA // Go makes none
	if remarks := remarksOn([]*x509.Certificate{&weak, ca.cert}, false, nil, time.Now()); len(remarks) != 1 || !strings.Contains(remarks[0], "SHA1-RSA") {
		t.Errorf("SHA-1: %q", remarks)
	}
	public := x509.NewCertPool()
	public.AddCert(ca.cert)
	long := change(func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(2, 0, 0) }).cert
	for roots, want := range map[*x509.CertPool]int{public: 1, x509.NewCertPool(): 0} {
		if remarks := remarksOn([]*x509.Certificate{long, ca.cert}, false, roots, time.Now()); len(remarks) != want {
			t.Errorf("good for two years: %q, want %d remarks", remarks, want)
		}
	}
	if remarks := remarksOn([]*x509.Certificate{change(nil).cert}, false, public, time.Now()); len(remarks) != 0 {
		t.Errorf("issued by a root that clients know: %q", remarks)
	}
}

// TestFilesOfOtherForms checks that files in other formats are refused, with an error that
// names the format.
func TestFilesOfOtherForms(t *testing.T) {
	t.Parallel()
	leaf := issue(t, nil, nil, nil)
	good, key := leaf.certPEM(), leaf.keyPEM(t)
	keyDER, _ := pem.Decode([]byte(key))
	block := func(kind string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("content")}))
	}
	pkcs12, err := asn1.Marshal(struct{ Version, Content int }{3, 1})
	if err != nil {
		t.Fatal(err)
	}
	legacy := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	for name, tc := range map[string]struct {
		cert, key string
		want      string
	}{
		"DER":                 {string(leaf.cert.Raw), key, "openssl x509 -inform der"},
		"key in DER":          {good, string(keyDER.Bytes), "openssl pkey -inform der"},
		"PKCS 12":             {string(pkcs12), key, "openssl pkcs12"},
		"PKCS 12 as the key":  {good, string(pkcs12), "openssl pkcs12"},
		"PKCS 7":              {block("PKCS7"), key, "openssl pkcs7"},
		"request":             {block("CERTIFICATE REQUEST"), key, "CSR"},
		"public key":          {good, block("PUBLIC KEY"), "a public key"},
		"key of SSH":          {good, block("OPENSSH PRIVATE KEY"), "OPENSSH PRIVATE KEY"},
		"Java":                {"\xfe\xed\xfe\xed\x00\x00", key, "Java"},
		"empty":               {"", key, "empty"},
		"legacy passphrase":   {good, legacy, "passphrase"},
		"passphrase in CRLF":  {good, strings.ReplaceAll(legacy, "\n", "\r\n"), "passphrase"},
		"cut":                 {good[:len(good)/2], key, "cannot be parsed"},
		"key cut":             {good, key[:len(key)/2], "cannot be parsed"},
		"dashes of an editor": {strings.ReplaceAll(good, "-----", "—–"), key, "changed when it was copied"},
		"first letter lost":   {good[1:], key, "changed when it was copied"},
		"page of an error":    {"<html>404</html>", key, "not PEM"},
		"switched":            {key, good, "may be swapped"},
		"of another":          {issue(t, nil, nil, nil).certPEM(), key, "do not match"},
	} {
		_, _, err := parsePair("tls.crt", []byte(tc.cert), "tls.key", []byte(tc.key))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), key[40:80]) {
			t.Errorf("%s: the key is told: %v", name, err)
		}
	}
}
