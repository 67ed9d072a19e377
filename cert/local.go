package cert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"callbox/internal/safefile"
)

const (
	// caFile contains the key and the certificate of the authority: both in one file, so
	// that one rename writes both.
	caFile = "ca.pem"
	// caCertFile contains only the authority's certificate, for devices.
	caCertFile = "ca.crt"
	// leafFile contains the leaf's key and certificate. If it is lost, a new one is
	// signed.
	leafFile = "leaf.pem"

	// renewBefore is how long before its expiry a leaf is replaced.
	renewBefore = 30 * 24 * time.Hour
)

// Local is a certificate authority of this machine, and a certificate signed by it. The
// authority stays for ten years, because people install it on their devices. The
// certificate is replaced when it is about to expire, or when the machine has a name or an
// address that is not in it.
type Local struct {
	dir   string
	hosts func() []string
	log   *slog.Logger
	now   func() time.Time
	ca    *authority

	refresher
	// refresher.mu guards the following.
	warned []netip.Addr // addresses that the authority may not vouch for, of which the log warns
}

// LoadOrCreateLocal reads the local authority and certificate from dir, and creates dir
// (mode 0700) and whatever is missing in it. Files with keys have mode 0600.
//
// hosts returns the names and addresses for the certificate, as text. It is called now and
// during handshakes, at most once a second, and must not block for long. Hosts that the
// authority may not vouch for are dropped: it is constrained to servers at localhost, at
// the name and addresses that this machine had when the authority was created, and at
// names and addresses of local networks. So people who trust it need not fear that its key
// can vouch for the rest of the Internet.
//
// An existing authority that cannot be read, or has expired, is never replaced silently,
// because devices trust it: the error says what to do. log may be nil.
func LoadOrCreateLocal(dir string, hosts func() []string, log *slog.Logger) (*Local, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Local{dir: dir, hosts: hosts, log: log, now: time.Now}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Local) open() error {
	if err := safefile.MakeFolder(l.dir); err != nil {
		return err
	}
	if remark := safefile.OpenToOthers(l.dir); remark != "" {
		l.log.Warn("the folder of the local certificate authority is not private", "remark", remark)
	}
	if err := l.openAuthority(); err != nil {
		return err
	}
	want := l.wanted()
	pair, err := l.readLeaf()
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		l.log.Warn("the local certificate is not usable and is replaced", "err", err)
	case err == nil && l.good(pair.Leaf, want):
		l.current.Store(pair)
		return nil
	}
	if pair, err = l.newLeaf(want); err != nil {
		return err
	}
	l.current.Store(pair)
	return nil
}

// GetCertificate returns the local certificate, after replacing it if the machine's names
// or addresses make that necessary. It is meant for tls.Config and never returns an error.
func (l *Local) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return l.get(l.loadAndLog), nil
}

// Leaf returns the certificate in use, parsed.
func (l *Local) Leaf() *x509.Certificate {
	return l.current.Load().Leaf
}

// CAPEM returns the authority's certificate in PEM, for devices. The caller must not
// modify it.
func (l *Local) CAPEM() []byte { return l.ca.pem }

// CAFile returns the path of the file with the certificate that CAPEM returns.
func (l *Local) CAFile() string { return filepath.Join(l.dir, caCertFile) }

// Reload replaces the certificate at once if the machine's names or addresses make that
// necessary. It returns a few words about what has changed, or "" if nothing has.
func (l *Local) Reload() (change string, err error) {
	pair, err := l.reload(l.load)
	if pair != nil {
		change = "new certificate signed"
	}
	return change, err
}

func (l *Local) load(old *tls.Certificate) (*tls.Certificate, error) {
	want := l.wanted()
	if l.good(old.Leaf, want) {
		return nil, nil
	}
	return l.newLeaf(want)
}

func (l *Local) loadAndLog(old *tls.Certificate) *tls.Certificate {
	pair, err := l.load(old)
	if err != nil {
		l.log.Error("could not create a new local certificate; the old one stays in use", "err", err)
	}
	return pair
}

// wanted returns the hosts that the authority may vouch for. It logs a warning, once each,
// about addresses that it may not vouch for, but not about names, which are those of other
// networks.
func (l *Local) wanted() sans {
	may, mayNot := l.ca.permitted(parseHosts(l.hosts()))
	for _, addr := range mayNot.addrs {
		if !slices.Contains(l.warned, addr) && len(l.warned) < maxHosts {
			l.warned = append(l.warned, addr)
			l.log.Warn("this machine has a public address that its local certificate authority may not vouch for, so browsers refuse the certificate at that address; "+
				"remove both files and restart to create a new authority, which devices must be told to trust again, or use certificate files",
				"key", filepath.Join(l.dir, caFile), "certificate", l.CAFile())
			l.log.Debug("address without a certificate", "addr", addr)
		}
	}
	return may
}

// good reports whether leaf was signed by this authority, is valid for long enough, and
// contains all wanted hosts. Additional hosts do no harm: a machine that loses an address
// keeps its certificate.
func (l *Local) good(leaf *x509.Certificate, want sans) bool {
	now := l.now()
	end := leaf.NotAfter.Add(-renewBefore)
	if !leaf.NotAfter.Before(l.ca.cert.NotAfter) {
		end = leaf.NotAfter // a new one would expire with the authority as well
	}
	if now.Before(leaf.NotBefore) || now.After(end) || leaf.CheckSignatureFrom(l.ca.cert) != nil {
		return false
	}
	for _, name := range want.names {
		if !slices.Contains(leaf.DNSNames, name) {
			return false
		}
	}
	for _, addr := range want.addrs {
		if leaf.VerifyHostname(addr.String()) != nil {
			return false
		}
	}
	return true
}

func (l *Local) newLeaf(want sans) (*tls.Certificate, error) {
	text, err := l.ca.sign(want, l.now())
	if err != nil {
		return nil, fmt.Errorf("local certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("local certificate: %w", err)
	}
	if err := safefile.WritePrivate(filepath.Join(l.dir, leafFile), text, 0o600); err != nil {
		return nil, err
	}
	l.log.Info("local certificate signed", "names", len(want.names), "addresses", len(want.addrs), "not_after", pair.Leaf.NotAfter)
	return &pair, nil
}

func (l *Local) readLeaf() (*tls.Certificate, error) {
	name := filepath.Join(l.dir, leafFile)
	text, err := safefile.ReadPrivate(name, maxFile)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &pair, nil
}
