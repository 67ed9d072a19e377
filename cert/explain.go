package cert

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
)

// notCertificate says in words why there is no certificate in a file.
func notCertificate(name string, content []byte, found []*pem.Block, damaged int) error {
	switch {
	case slices.ContainsFunc(found, isKey), slices.ContainsFunc(found, isEncrypted):
		return fmt.Errorf("%s: a key, and no certificate in it; certificate and key may be switched", name)
	case hasType(found, "CERTIFICATE REQUEST"), hasType(found, "NEW CERTIFICATE REQUEST"):
		return fmt.Errorf("%s: a request for a certificate (CSR), and no certificate in it; the authority that it is sent to answers with one", name)
	case hasType(found, "PKCS7"), hasType(found, "CMS"):
		return fmt.Errorf("%s: certificates in the form PKCS #7; openssl pkcs7 -print_certs -in %[1]s -out cert.pem turns them into PEM", name)
	case damaged > 0:
		return fmt.Errorf("%s: what begins with -----BEGIN in it cannot be read to its end; a line is missing, or was changed when it was copied", name)
	case len(found) > 0:
		return fmt.Errorf("%s: no certificate in it, but %s", name, found[0].Type)
	default:
		return notPEM(name, content, "a certificate begins with -----BEGIN CERTIFICATE-----")
	}
}

// notKey says in words why there is no key that can be used in a file.
func notKey(name string, content []byte, found []*pem.Block, damaged int) error {
	switch {
	case slices.ContainsFunc(found, isEncrypted):
		return fmt.Errorf("%s: the key is protected by a passphrase, which nobody is here to type; use one without: openssl pkey -in %[1]s -out key.pem", name)
	case hasType(found, "PUBLIC KEY"), hasType(found, "RSA PUBLIC KEY"):
		return fmt.Errorf("%s: a public key, and no private key in it", name)
	case damaged > 0:
		return fmt.Errorf("%s: what begins with -----BEGIN in it cannot be read to its end; a line is missing, or was changed when it was copied", name)
	case slices.ContainsFunc(found, isCertificate):
		return fmt.Errorf("%s: a certificate, and no key in it; certificate and key may be switched", name)
	case len(found) > 0:
		return fmt.Errorf("%s: no key in it, but %s", name, found[0].Type)
	default:
		return notPEM(name, content, "a key begins with -----BEGIN PRIVATE KEY-----")
	}
}

func hasType(found []*pem.Block, kind string) bool {
	return slices.ContainsFunc(found, func(block *pem.Block) bool { return block.Type == kind })
}

// notPEM says what a file without PEM is, as far as can be seen.
func notPEM(name string, content []byte, want string) error {
	var outer asn1.RawValue
	_, err := asn1.Unmarshal(content, &outer)
	switch {
	case len(bytes.TrimSpace(content)) == 0:
		return fmt.Errorf("%s: no PEM in it, the file is empty; %s", name, want)
	case bytes.HasPrefix(content, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return fmt.Errorf("%s: no PEM in it, but a key store of Java (JKS); %s", name, want)
	case bytes.Contains(content, []byte("BEGIN ")):
		return fmt.Errorf("%s: no PEM in it, the line with BEGIN was changed when it was copied; %s", name, want)
	case err != nil || outer.Tag != asn1.TagSequence:
		return fmt.Errorf("%s: no PEM in it; %s", name, want)
	}
	if _, err := x509.ParseCertificates(content); err == nil {
		return fmt.Errorf("%s: no PEM in it, but a certificate in the form DER; openssl x509 -inform der -in %[1]s -out cert.pem turns it into PEM", name)
	}
	var version int
	if _, err := asn1.Unmarshal(outer.Bytes, &version); err == nil && version == 3 {
		return fmt.Errorf("%s: no PEM in it, but certificate and key in the form PKCS #12 (.p12, .pfx); openssl pkcs12 -nodes -in %[1]s -out both.pem turns them into PEM, "+
			"which serves as certificate and as key", name)
	}
	if _, err := parseKey(content); err == nil {
		return fmt.Errorf("%s: no PEM in it, but a key in the form DER; openssl pkey -inform der -in %[1]s -out key.pem turns it into PEM", name)
	}
	return fmt.Errorf("%s: no PEM in it, but another form (DER, PKCS #7); %s", name, want)
}
