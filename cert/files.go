package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
)

// maxFile bounds how much of a file is read, in bytes. A chain is a few KiB.
const maxFile = 1 << 20

// Files is a certificate and its key that are kept in files, and read again
// when the files change, so that a renewal needs no restart.
type Files struct {
	certFile, keyFile string
	log               *slog.Logger

	refresher
	// refresher.mu guards the following.
	certPEM, keyPEM []byte // what was read last, good or bad
	fault           string // what was wrong with it, already logged
}

// NewFiles reads a PEM certificate chain, leaf first, and its unencrypted
// PEM key. An error says in words what is wrong with which file; after that,
// a file that is replaced by a bad one is logged and the old certificate
// stays in use. A nil log discards.
func NewFiles(certFile, keyFile string, log *slog.Logger) (*Files, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &Files{certFile: certFile, keyFile: keyFile, log: log}
	certPEM, keyPEM, err := f.read()
	if err != nil {
		return nil, err
	}
	pair, err := f.parse(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	f.certPEM, f.keyPEM = certPEM, keyPEM
	f.next = time.Now().Add(checkPeriod)
	f.current.Store(pair)
	f.warnWhenEnded(pair)
	return f, nil
}

// GetCertificate returns the certificate of the files as they are now, or as
// they were when they were last good. It is meant for tls.Config and never
// returns an error.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.get(f.look), nil
}

// Leaf returns the certificate in use, parsed.
func (f *Files) Leaf() *x509.Certificate {
	return f.current.Load().Leaf
}

// look reads the files and returns their certificate when it is another one.
// Contents are compared, not times: a file can be replaced by one of the same
// second, or moved under a symbolic link.
func (f *Files) look(*tls.Certificate) *tls.Certificate {
	certPEM, keyPEM, err := f.read()
	if err == nil {
		if bytes.Equal(certPEM, f.certPEM) && bytes.Equal(keyPEM, f.keyPEM) {
			return nil
		}
		f.certPEM, f.keyPEM = certPEM, keyPEM
		var pair *tls.Certificate
		if pair, err = f.parse(certPEM, keyPEM); err == nil {
			f.fault = ""
			f.log.Info("certificate files read again", "file", f.certFile, "not_after", pair.Leaf.NotAfter)
			f.warnWhenEnded(pair)
			return pair
		}
	}
	if fault := err.Error(); fault != f.fault {
		f.fault = fault
		f.log.Error("new certificate files are not usable, the old certificate stays", "err", err)
	}
	return nil
}

func (f *Files) warnWhenEnded(pair *tls.Certificate) {
	if time.Now().After(pair.Leaf.NotAfter) {
		f.log.Warn("certificate has ended, browsers will refuse it", "file", f.certFile, "not_after", pair.Leaf.NotAfter)
	}
}

func (f *Files) read() (certPEM, keyPEM []byte, err error) {
	certPEM, certErr := readFile(f.certFile)
	keyPEM, keyErr := readFile(f.keyFile)
	return certPEM, keyPEM, errors.Join(certErr, keyErr)
}

func (f *Files) parse(certPEM, keyPEM []byte) (*tls.Certificate, error) {
	if err := errors.Join(checkCertificate(f.certFile, certPEM), checkKey(f.keyFile, keyPEM)); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	switch {
	case err == nil:
		return &pair, nil
	case strings.Contains(err.Error(), "does not match"):
		return nil, fmt.Errorf("%s and %s do not belong together: the key is that of another certificate", f.certFile, f.keyFile)
	default:
		return nil, fmt.Errorf("%s with %s: %w", f.certFile, f.keyFile, err)
	}
}

// checkCertificate says in words why text is not a PEM certificate chain.
func checkCertificate(name string, text []byte) error {
	types := blockTypes(text)
	switch {
	case len(types) == 0:
		return fmt.Errorf("%s: no PEM in it; a certificate begins with -----BEGIN CERTIFICATE-----", name)
	case types["CERTIFICATE"]:
		return nil
	case hasKey(types):
		return fmt.Errorf("%s: a key, and no certificate in it; certificate and key may be switched", name)
	default:
		return fmt.Errorf("%s: no certificate in it", name)
	}
}

// checkKey says in words why text is not an unencrypted PEM key.
func checkKey(name string, text []byte) error {
	types := blockTypes(text)
	switch {
	case len(types) == 0:
		return fmt.Errorf("%s: no PEM in it; a key begins with -----BEGIN PRIVATE KEY-----", name)
	case types["ENCRYPTED PRIVATE KEY"] || bytes.Contains(text, []byte("Proc-Type: 4,ENCRYPTED")):
		return fmt.Errorf("%s: the key is protected by a passphrase, which nobody is here to type; use one without", name)
	case hasKey(types):
		return nil
	case types["CERTIFICATE"]:
		return fmt.Errorf("%s: a certificate, and no key in it; certificate and key may be switched", name)
	default:
		return fmt.Errorf("%s: no key in it", name)
	}
}

func hasKey(types map[string]bool) bool {
	return types["PRIVATE KEY"] || types["EC PRIVATE KEY"] || types["RSA PRIVATE KEY"]
}

func blockTypes(text []byte) map[string]bool {
	types := map[string]bool{}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return types
		}
		types[block.Type] = true
	}
}

// readFile reads a file whole, but not one larger than maxFile.
func readFile(name string) ([]byte, error) {
	file, err := os.Open(name) //nolint:gosec // the operator names the file, that is what it is for
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes, so neither certificate nor key", name, maxFile)
	}
	return text, nil
}
