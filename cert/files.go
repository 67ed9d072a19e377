package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"time"

	"callbox/internal/safefile"
)

// maxFile is the largest file that is read, in bytes. A chain is a few KiB.
const maxFile = 1 << 20

// Files is a certificate and its key from files, which are reloaded when they change, so
// that a renewal needs no restart.
type Files struct {
	certFile, keyFile string
	log               *slog.Logger

	refresher
	// refresher.mu guards the following.
	certSource, keySource *safefile.Source
	certPEM, keyPEM       []byte // what was read last, valid or not
	fault                 error  // the last error, which has been logged
}

// NewFiles reads a certificate chain in any order, and its unencrypted key, both in PEM as
// any editor writes it. The error explains what is wrong with which file. The log gets a
// warning if some clients may not accept the certificate. Later, if a file is replaced by
// an invalid one, the error is logged and the old certificate stays in use. log may be
// nil.
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
	return f, nil
}

// GetCertificate returns the certificate in the files, or the last valid one. It is meant
// for tls.Config and never returns an error.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.get(f.loadAndLog), nil
}

// Reload reads the files at once. It returns a few words about what has changed, or "" if
// nothing has. If it returns an error, the old certificate stays in use.
func (f *Files) Reload() (change string, err error) {
	pair, err := f.reload(func(old *tls.Certificate) (pair *tls.Certificate, err error) {
		pair, f.fault = f.load(old)
		return pair, f.fault
	})
	if pair != nil {
		change = "valid until " + pair.Leaf.NotAfter.Format(time.DateTime)
	}
	return change, err
}

// Certificate returns the certificate in use with its chain.
func (f *Files) Certificate() *tls.Certificate { return f.current.Load() }

// Leaf returns the certificate in use, parsed.
func (f *Files) Leaf() *x509.Certificate {
	return f.current.Load().Leaf
}

// load reads the files and returns their certificate if it has changed. It compares
// contents, not times, because a file can be replaced by one with the same time, or by
// changing a symbolic link.
func (f *Files) load(*tls.Certificate) (*tls.Certificate, error) {
	certPEM, keyPEM, err := f.read()
	if err != nil {
		f.certPEM, f.keyPEM = nil, nil
		return nil, err
	}
	if bytes.Equal(certPEM, f.certPEM) && bytes.Equal(keyPEM, f.keyPEM) {
		return nil, f.fault
	}
	f.certPEM, f.keyPEM = certPEM, keyPEM
	return f.parse(certPEM, keyPEM)
}

// loadAndLog calls load and logs the result.
func (f *Files) loadAndLog(old *tls.Certificate) *tls.Certificate {
	before := f.fault
	pair, err := f.load(old)
	f.fault = err
	switch {
	case pair != nil:
		f.log.Info("certificate files reloaded", "file", f.certFile, "not_after", pair.Leaf.NotAfter)
	case err != nil && (before == nil || before.Error() != err.Error()):
		f.log.Error("the new certificate files are not usable; the old certificate stays in use", "err", err)
	}
	return pair
}

func (f *Files) read() (certPEM, keyPEM []byte, err error) {
	certPEM, certErr := f.certSource.Read()
	keyPEM, keyErr := f.keySource.Read()
	return certPEM, keyPEM, errors.Join(certErr, keyErr)
}

// parse parses what was read, and logs the remarks about it.
func (f *Files) parse(certPEM, keyPEM []byte) (*tls.Certificate, error) {
	pair, remarks, err := parsePair(f.certFile, certPEM, f.keyFile, keyPEM)
	if err != nil {
		return nil, err
	}
	for _, remark := range remarks {
		f.log.Warn("not all clients will accept the certificate", "file", f.certFile, "remark", remark)
	}
	return pair, nil
}
