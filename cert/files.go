package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"callbox/internal/safefile"
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
	certSource, keySource *safefile.Source
	certPEM, keyPEM       []byte // what was read last, good or bad
	fault                 error  // what is wrong with it, already logged
}

// NewFiles reads a PEM certificate chain, leaf first, and its unencrypted
// PEM key. An error says in words what is wrong with which file; after that,
// a file that is replaced by a bad one is logged and the old certificate
// stays in use. A nil log discards.
func NewFiles(certFile, keyFile string, log *slog.Logger) (*Files, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &Files{
		certFile: certFile, keyFile: keyFile, log: log,
		certSource: safefile.NewSource(certFile, maxFile), keySource: safefile.NewSource(keyFile, maxFile),
	}
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
	return f.get(f.lookAndTell), nil
}

// Reload reads the files at once. It returns in a few words what has changed, ""
// when nothing has, or what is wrong with the files when the old certificate
// stays.
func (f *Files) Reload() (change string, err error) {
	pair, err := f.reload(func(old *tls.Certificate) (pair *tls.Certificate, err error) {
		pair, f.fault = f.look(old)
		return pair, f.fault
	})
	if pair != nil {
		change = "good until " + pair.Leaf.NotAfter.Format(time.DateTime)
	}
	return change, err
}

// Leaf returns the certificate in use, parsed.
func (f *Files) Leaf() *x509.Certificate {
	return f.current.Load().Leaf
}

// look reads the files and returns their certificate when it is another one.
// Contents are compared, not times: a file can be replaced by one of the same
// second, or moved under a symbolic link.
func (f *Files) look(*tls.Certificate) (*tls.Certificate, error) {
	certPEM, keyPEM, err := f.read()
	if err != nil {
		f.certPEM, f.keyPEM = nil, nil
		return nil, err
	}
	if bytes.Equal(certPEM, f.certPEM) && bytes.Equal(keyPEM, f.keyPEM) {
		return nil, f.fault
	}
	f.certPEM, f.keyPEM = certPEM, keyPEM
	pair, err := f.parse(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	f.warnWhenEnded(pair)
	return pair, nil
}

// lookAndTell looks, and logs what came of it.
func (f *Files) lookAndTell(old *tls.Certificate) *tls.Certificate {
	before := f.fault
	pair, err := f.look(old)
	f.fault = err
	switch {
	case pair != nil:
		f.log.Info("certificate files read again", "file", f.certFile, "not_after", pair.Leaf.NotAfter)
	case err != nil && (before == nil || before.Error() != err.Error()):
		f.log.Error("new certificate files are not usable, the old certificate stays", "err", err)
	}
	return pair
}

func (f *Files) warnWhenEnded(pair *tls.Certificate) {
	if time.Now().After(pair.Leaf.NotAfter) {
		f.log.Warn("certificate has ended, browsers will refuse it", "file", f.certFile, "not_after", pair.Leaf.NotAfter)
	}
}

func (f *Files) read() (certPEM, keyPEM []byte, err error) {
	certPEM, certErr := f.certSource.Read()
	keyPEM, keyErr := f.keySource.Read()
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
