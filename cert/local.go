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
	// caFile holds the key and the certificate of the authority: two blocks
	// in one file, so that one rename writes both.
	caFile = "ca.pem"
	// caCertFile is the authority's certificate alone, to give to devices.
	caCertFile = "ca.crt"
	// leafFile holds the leaf's key and certificate. It can be lost: a new
	// one is signed.
	leafFile = "leaf.pem"

	// renewBefore is how long before its end a leaf is replaced.
	renewBefore = 30 * 24 * time.Hour
)

// Local is a certificate authority of this machine's own, and a certificate
// signed by it. The authority stays for years, because devices are told to
// trust it; the certificate is signed anew when it nears its end or when the
// machine has a name or an address that is not in it.
type Local struct {
	dir   string
	hosts func() []string
	log   *slog.Logger
	now   func() time.Time
	ca    *authority

	refresher
	// refresher.mu guards the following.
	told []netip.Addr // that the authority may not vouch for
}

// LoadOrCreateLocal reads the local authority and certificate from dir, and
// makes dir (mode 0700) and what is not in it. Files with keys have mode 0600.
//
// Hosts returns the names and addresses to be reached under, as text; it is
// called now and during handshakes, at most once a second, and must not block
// for long. Names that the authority may not vouch for are left out: it is
// constrained to servers under localhost, this machine's name and addresses when
// it was made, and the names and addresses of local networks, so that who trusts it
// need not fear that its key speaks for the rest of the internet.
//
// An authority that is there and cannot be read, or has ended, is never
// replaced in silence, as devices trust it: the error says what to do.
// A nil log discards.
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

// GetCertificate returns the local certificate, signed anew before when the
// machine's names or addresses made that necessary. It is meant for
// tls.Config and never returns an error.
func (l *Local) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return l.get(l.lookAndTell), nil
}

// Leaf returns the certificate in use, parsed.
func (l *Local) Leaf() *x509.Certificate {
	return l.current.Load().Leaf
}

// CAPEM returns the authority's certificate in PEM, for devices that are to
// trust it. The caller must not change it.
func (l *Local) CAPEM() []byte { return l.ca.pem }

// CAFile returns the path of the file that holds what CAPEM returns.
func (l *Local) CAFile() string { return filepath.Join(l.dir, caCertFile) }

// Reload looks at once whether the machine's names or addresses make a new
// certificate necessary. It returns in a few words what has changed, "" when
// nothing has.
func (l *Local) Reload() (change string, err error) {
	pair, err := l.reload(l.look)
	if pair != nil {
		change = "new certificate signed"
	}
	return change, err
}

func (l *Local) look(old *tls.Certificate) (*tls.Certificate, error) {
	want := l.wanted()
	if l.good(old.Leaf, want) {
		return nil, nil
	}
	return l.newLeaf(want)
}

func (l *Local) lookAndTell(old *tls.Certificate) *tls.Certificate {
	pair, err := l.look(old)
	if err != nil {
		l.log.Error("could not create a new local certificate; the old one stays in use", "err", err)
	}
	return pair
}

// wanted returns the hosts that the authority may vouch for. Of others it tells
// addresses, once each: names are those of other networks.
func (l *Local) wanted() sans {
	may, mayNot := l.ca.permitted(parseHosts(l.hosts()))
	for _, addr := range mayNot.addrs {
		if !slices.Contains(l.told, addr) && len(l.told) < maxHosts {
			l.told = append(l.told, addr)
			l.log.Warn("this machine has a public address that its local certificate authority may not vouch for, so browsers refuse the certificate at that address; "+
				"remove both files and restart to create a new authority, which devices must be told to trust again, or use certificate files",
				"key", filepath.Join(l.dir, caFile), "certificate", l.CAFile())
			l.log.Debug("address without a certificate", "addr", addr)
		}
	}
	return may
}

// good reports whether leaf is this authority's, has long enough to go and
// has every wanted name. Names too many do no harm: a machine that lost an
// address keeps its certificate.
func (l *Local) good(leaf *x509.Certificate, want sans) bool {
	now := l.now()
	end := leaf.NotAfter.Add(-renewBefore)
	if !leaf.NotAfter.Before(l.ca.cert.NotAfter) {
		end = leaf.NotAfter // a new one would end with the authority as well
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
