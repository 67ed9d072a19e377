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

// NewFiles reads a PEM certificate chain in any order and its unencrypted PEM
// key, as any editor writes them. An error says in words what is wrong with which
// file, and the log what browsers will not like about a certificate; after that, a
// file that is replaced by a bad one is logged and the old certificate stays in
// use. A nil log discards.
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
	return f.parse(certPEM, keyPEM)
}

// lookAndTell looks, and logs what came of it.
func (f *Files) lookAndTell(old *tls.Certificate) *tls.Certificate {
	before := f.fault
	pair, err := f.look(old)
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

// parse makes sense of what was read, and logs what clients will not like.
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
