package cert

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// bundle is the content of a certificate file and a key file.
type bundle struct {
	certs    []*x509.Certificate // in the order of the file, each once
	unparsed [][]byte            // certificates that Go cannot parse
	keys     []crypto.Signer
	fault    error // the error for the first certificate that Go cannot parse
}

// parsePair parses the files of a certificate and of its key. The key determines which
// certificate is the server's own, whatever their order. remarks explain why some clients
// may not accept the certificate.
func parsePair(certFile string, certPEM []byte, keyFile string, keyPEM []byte) (pair *tls.Certificate, remarks []string, err error) {
	certBlocks, damaged := blocks(certPEM)
	keyBlocks, damagedKeys := blocks(keyPEM)
	var errs []error
	if !slices.ContainsFunc(certBlocks, isCertificate) {
		errs = append(errs, notCertificate(certFile, certPEM, certBlocks, damaged))
	}
	if !slices.ContainsFunc(keyBlocks, isKey) {
		errs = append(errs, notKey(keyFile, keyPEM, keyBlocks, damagedKeys))
	}
	if len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	var b bundle
	b.addCertificates(certBlocks)
	if err := b.addKeys(keyBlocks); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	leaf, key := b.leafAndKey(time.Now())
	switch {
	case leaf == nil && len(b.certs) == 0:
		return nil, nil, fmt.Errorf("%s: %w", certFile, b.fault)
	case leaf == nil:
		return nil, nil, fmt.Errorf("%s and %s do not match: the key belongs to another certificate", certFile, keyFile)
	}
	if damaged > 0 {
		remarks = append(remarks, fmt.Sprintf("%d PEM block(s) in the file cannot be parsed: a line is missing, or was changed when it was copied", damaged))
	}
	chain, unrelated := b.chain(leaf)
	for _, other := range unrelated {
		remarks = append(remarks, fmt.Sprintf("the file also contains the certificate of %s, which is not part of the server's chain and is ignored", nameOf(other)))
	}
	pair = &tls.Certificate{PrivateKey: key, Leaf: leaf}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	pair.Certificate = append(pair.Certificate, b.unparsed...)
	return pair, append(remarks, remarksOn(chain, len(b.unparsed) > 0, nil, time.Now())...), nil
}

func (b *bundle) addCertificates(found []*pem.Block) {
	for _, block := range found {
		if !isCertificate(block) {
			continue
		}
		der := block.Bytes
		if block.Type == "TRUSTED CERTIFICATE" { // of OpenSSL, followed by trust settings
			var first asn1.RawValue
			if _, err := asn1.Unmarshal(der, &first); err == nil {
				der = first.FullBytes
			}
		}
		parsed, err := x509.ParseCertificate(der)
		switch {
		case err != nil:
			b.unparsed = append(b.unparsed, der)
			if b.fault == nil {
				b.fault = err
			}
		case !slices.ContainsFunc(b.certs, parsed.Equal):
			b.certs = append(b.certs, parsed)
		}
	}
}

func (b *bundle) addKeys(found []*pem.Block) error {
	var fault error
	for _, block := range found {
		if !isKey(block) {
			continue
		}
		key, err := parseKey(block.Bytes)
		if err == nil {
			b.keys = append(b.keys, key)
		} else if fault == nil {
			fault = fmt.Errorf("%s: %w", block.Type, err)
		}
	}
	if len(b.keys) > 0 {
		return nil
	}
	return fault
}

func parseKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if rsaKey, rsaErr := x509.ParsePKCS1PrivateKey(der); rsaErr == nil {
			return rsaKey, nil
		}
		if ecKey, ecErr := x509.ParseECPrivateKey(der); ecErr == nil {
			return ecKey, nil
		}
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("this kind of key cannot sign")
	}
	return signer, nil
}

// leafAndKey returns the certificate that belongs to one of the keys, and that key. Of
// several it returns the first that is valid now.
func (b *bundle) leafAndKey(now time.Time) (leaf *x509.Certificate, key crypto.Signer) {
	for _, candidate := range b.certs {
		for _, signer := range b.keys {
			public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
			if !ok || !public.Equal(candidate.PublicKey) {
				continue
			}
			good := !now.Before(candidate.NotBefore) && !now.After(candidate.NotAfter)
			if good {
				return candidate, signer
			}
			if leaf == nil {
				leaf, key = candidate, signer
			}
		}
	}
	return leaf, key
}

// chain returns leaf followed by its issuers, each after the certificate that it signed,
// and the certificates that are not part of the chain.
func (b *bundle) chain(leaf *x509.Certificate) (chain, unrelated []*x509.Certificate) {
	chain = []*x509.Certificate{leaf}
	for at := 0; at < len(chain); at++ { // a CA may have several certificates
		for _, candidate := range b.certs {
			if !slices.Contains(chain, candidate) && signed(candidate, chain[at]) {
				chain = append(chain, candidate)
			}
		}
	}
	for _, c := range b.certs {
		if !slices.Contains(chain, c) {
			unrelated = append(unrelated, c)
		}
	}
	return chain, unrelated
}

// signed reports whether the CA with the certificate by has signed c. A signature with an
// algorithm that is too weak to be checked counts; there is a remark about it.
func signed(by, c *x509.Certificate) bool {
	if !bytes.Equal(by.RawSubject, c.RawIssuer) {
		return false
	}
	err := c.CheckSignatureFrom(by)
	_, weak := errors.AsType[x509.InsecureAlgorithmError](err)
	return err == nil || weak
}

// nameOf returns the subject of a certificate for people.
func nameOf(c *x509.Certificate) string { return fmt.Sprintf("%q", c.Subject) }
