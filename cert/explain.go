package cert

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
)

// notCertificate returns an error that explains why a file contains no certificate.
func notCertificate(name string, content []byte, found []*pem.Block, damaged int) error {
	switch {
	case slices.ContainsFunc(found, isKey), slices.ContainsFunc(found, isEncrypted):
		return fmt.Errorf("%s: contains a key instead of a certificate; certificate and key may be swapped", name)
	case hasType(found, "CERTIFICATE REQUEST"), hasType(found, "NEW CERTIFICATE REQUEST"):
		return fmt.Errorf("%s: contains a certificate signing request (CSR) instead of a certificate; the CA that it is sent to returns the certificate", name)
	case hasType(found, "PKCS7"), hasType(found, "CMS"):
		return fmt.Errorf("%s: contains certificates in PKCS #7 format; convert them to PEM: openssl pkcs7 -print_certs -in %[1]s -out cert.pem", name)
	case damaged > 0:
		return fmt.Errorf("%s: the PEM block that begins with -----BEGIN cannot be parsed; a line is missing, or was changed when it was copied", name)
	case len(found) > 0:
		return fmt.Errorf("%s: contains %[2]s, but no certificate", name, found[0].Type)
	default:
		return notPEM(name, content, "a certificate begins with -----BEGIN CERTIFICATE-----")
	}
}

// notKey returns an error that explains why a file contains no usable key.
func notKey(name string, content []byte, found []*pem.Block, damaged int) error {
	switch {
	case slices.ContainsFunc(found, isEncrypted):
		return fmt.Errorf("%s: the key is protected by a passphrase, which callbox does not support; remove the passphrase: openssl pkey -in %[1]s -out key.pem", name)
	case hasType(found, "PUBLIC KEY"), hasType(found, "RSA PUBLIC KEY"):
		return fmt.Errorf("%s: contains a public key instead of a private key", name)
	case damaged > 0:
		return fmt.Errorf("%s: the PEM block that begins with -----BEGIN cannot be parsed; a line is missing, or was changed when it was copied", name)
	case slices.ContainsFunc(found, isCertificate):
		return fmt.Errorf("%s: contains a certificate instead of a key; certificate and key may be swapped", name)
	case len(found) > 0:
		return fmt.Errorf("%s: contains %[2]s, but no key", name, found[0].Type)
	default:
		return notPEM(name, content, "a key begins with -----BEGIN PRIVATE KEY-----")
	}
}

func hasType(found []*pem.Block, kind string) bool {
	return slices.ContainsFunc(found, func(block *pem.Block) bool { return block.Type == kind })
}

// notPEM returns an error that says what a file without PEM contains, if it can be
// recognised.
func notPEM(name string, content []byte, want string) error {
	var outer asn1.RawValue
	_, err := asn1.Unmarshal(content, &outer)
	switch {
	case len(bytes.TrimSpace(content)) == 0:
		return fmt.Errorf("%s: not PEM, the file is empty; %s", name, want)
	case bytes.HasPrefix(content, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return fmt.Errorf("%s: not PEM, but a Java key store (JKS); %s", name, want)
	case bytes.Contains(content, []byte("BEGIN ")):
		return fmt.Errorf("%s: not PEM, because the line with BEGIN was changed when it was copied; %s", name, want)
	case err != nil || outer.Tag != asn1.TagSequence:
		return fmt.Errorf("%s: not PEM; %s", name, want)
	}
	if _, err := x509.ParseCertificates(content); err == nil {
		return fmt.Errorf("%s: not PEM, but a certificate in DER format; convert it: openssl x509 -inform der -in %[1]s -out cert.pem", name)
	}
	var version int
	if _, err := asn1.Unmarshal(outer.Bytes, &version); err == nil && version == 3 {
		return fmt.Errorf("%s: not PEM, but certificate and key in PKCS #12 format (.p12, .pfx); convert them: openssl pkcs12 -nodes -in %[1]s -out both.pem; "+
			"the result serves both as certificate and as key", name)
	}
	if _, err := parseKey(content); err == nil {
		return fmt.Errorf("%s: not PEM, but a key in DER format; convert it: openssl pkey -inform der -in %[1]s -out key.pem", name)
	}
	return fmt.Errorf("%s: not PEM, but another format (DER, PKCS #7); %s", name, want)
}
