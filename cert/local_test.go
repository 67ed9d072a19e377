package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func hostsOf(hosts ...string) func() []string {
	return func() []string { return hosts }
}

// openAt opens a Local whose clock returns now.
func openAt(t *testing.T, dir string, now time.Time, hosts ...string) (*Local, error) {
	t.Helper()
	l := &Local{dir: dir, hosts: hostsOf(hosts...), log: slog.New(slog.DiscardHandler), now: func() time.Time { return now }}
	return l, l.open()
}

func mustOpenAt(t *testing.T, dir string, now time.Time, hosts ...string) *Local {
	t.Helper()
	l, err := openAt(t, dir, now, hosts...)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return l
}

func TestLocalHandshake(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data", "cert")
	l, err := LoadOrCreateLocal(dir, hostsOf("localhost", "127.0.0.1", "::1", "::ffff:192.0.2.7", "fe80::1%eth0", "0.0.0.0", "studio.local", "example.com"), nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(l.CAPEM()) {
		t.Fatalf("CAPEM() = %q, want a certificate", l.CAPEM())
	}
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "::1": true, "192.0.2.7": true, "studio.local": true,
		"fe80::1": false, "0.0.0.0": false, "example.com": false, "192.0.2.8": false,
	} {
		err := handshake(t, l.GetCertificate, &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12})
		if (err == nil) != want {
			t.Errorf("handshake with %s: %v, want success: %v", host, err, want)
		}
	}
	for name, mode := range map[string]fs.FileMode{".": 0o700 | fs.ModeDir, caFile: 0o600, leafFile: 0o600, caCertFile: 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode {
			t.Errorf("mode of %s = %v, want %v", name, info.Mode(), mode)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("files left: %v, %v; want 3", files, err)
	}
	if text, err := os.ReadFile(l.CAFile()); err != nil || !bytes.Equal(text, l.CAPEM()) {
		t.Errorf("CAFile() holds %q, %v; want what CAPEM returns", text, err)
	}
}

func handshake(t *testing.T, get func(*tls.ClientHelloInfo) (*tls.Certificate, error), config *tls.Config) error {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer listener.Close() //nolint:errcheck // nothing to lose
	wg.Go(func() {
		server, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		_ = tls.Server(server, &tls.Config{GetCertificate: get, MinVersion: tls.VersionTLS12}).HandshakeContext(t.Context()) // the client's side counts
	})
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	return tls.Client(client, config).HandshakeContext(t.Context())
}

func TestLocalLeaf(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, tc := range []struct {
		name  string
		later time.Duration
		hosts []string
		fresh bool
	}{
		{"same day", 0, []string{"localhost", "10.0.2.1"}, false},
		{"other order", day, []string{"10.0.2.1", "localhost"}, false},
		{"address lost", day, []string{"localhost"}, false},
		{"address won", day, []string{"localhost", "10.0.2.1", "10.0.2.9"}, true},
		{"name won", day, []string{"localhost", "10.0.2.1", "den.local"}, true},
		{"name that may not be signed", day, []string{"localhost", "10.0.2.1", "example.org"}, false},
		{"before the last month", 365 * day, []string{"localhost", "10.0.2.1"}, false},
		{"in the last month", 368 * day, []string{"localhost", "10.0.2.1"}, true},
		{"after its end", 500 * day, []string{"localhost", "10.0.2.1"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			first := mustOpenAt(t, dir, start, "localhost", "10.0.2.1")
			if life := first.Leaf().NotAfter.Sub(first.Leaf().NotBefore); life > 397*day {
				t.Errorf("leaf lives %v, want at most 397 days", life)
			}
			second := mustOpenAt(t, dir, start.Add(tc.later), tc.hosts...)
			if fresh := !first.Leaf().Equal(second.Leaf()); fresh != tc.fresh {
				t.Errorf("certificate is another one: %v, want %v", fresh, tc.fresh)
			}
			if !bytes.Equal(first.CAPEM(), second.CAPEM()) {
				t.Error("the authority changed")
			}
			if err := second.Leaf().CheckSignatureFrom(first.ca.cert); err != nil {
				t.Errorf("certificate is not the authority's: %v", err)
			}
		})
	}
}

func TestLocalFollowsAddressesWhileRunning(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	hosts := []string{"localhost"}
	l, err := LoadOrCreateLocal(t.TempDir(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(hosts)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := l.GetCertificate(nil)
	mu.Lock()
	hosts = append(hosts, "10.0.2.33")
	mu.Unlock()
	if again, _ := l.GetCertificate(nil); again != before {
		t.Error("looked again within a second")
	}
	l.mu.Lock()
	l.next = time.Time{}
	l.mu.Unlock()
	after, _ := l.GetCertificate(nil)
	if err := after.Leaf.VerifyHostname("10.0.2.33"); err != nil {
		t.Errorf("after the machine got an address: %v", err)
	}
	// Without the folder no certificate can be stored, so the old one stays in use.
	if err := os.RemoveAll(l.dir); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	hosts = append(hosts, "10.0.2.34")
	mu.Unlock()
	l.mu.Lock()
	l.next = time.Time{}
	l.mu.Unlock()
	if kept, err := l.GetCertificate(nil); kept != after || err != nil {
		t.Errorf("GetCertificate() = %p, %v; want the old certificate %p", kept, err, after)
	}
}

func TestLocalBrokenAuthority(t *testing.T) {
	t.Parallel()
	now := time.Now()
	write := func(name string, text []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	leafAsAuthority := func(t *testing.T, dir string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, leafFile))
		if err != nil {
			t.Fatal(err)
		}
		write(caFile, text)(t, dir)
	}
	for _, tc := range []struct {
		name  string
		spoil func(*testing.T, string)
		later time.Duration
		want  []string // words of the error; none: no error
	}{
		{"garbage", write(caFile, []byte("garbage")), 0, []string{"ca.pem", "remove it and", "ca.crt", "trust again"}},
		{"empty", write(caFile, nil), 0, []string{"ca.pem", "restore the file"}},
		{"too large", write(caFile, make([]byte, maxFile+1)), 0, []string{"ca.pem", "larger than"}},
		{"leaf in its place", leafAsAuthority, 0, []string{"not a CA certificate"}},
		{"key gone", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, caFile)); err != nil {
				t.Fatal(err)
			}
		}, 0, []string{"ca.pem", "ca.crt", "is missing", "restore it"}},
		{"ended", func(*testing.T, string) {}, caLife + 2*backdate, []string{"expired on", "remove it and"}},
		{"clock behind", func(*testing.T, string) {}, -2 * backdate, []string{"correct this machine's clock"}},
		{"certificate gone", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, caCertFile)); err != nil {
				t.Fatal(err)
			}
		}, 0, nil},
		{"leaf garbage", write(leafFile, []byte("garbage")), 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			first := mustOpenAt(t, dir, now, "localhost")
			tc.spoil(t, dir)
			before, _ := os.ReadFile(filepath.Join(dir, caFile))
			again, err := openAt(t, dir, now.Add(tc.later), "localhost")
			if len(tc.want) == 0 {
				if err != nil || !bytes.Equal(again.CAPEM(), first.CAPEM()) {
					t.Fatalf("open: %v, want the same authority", err)
				}
				if text, err := os.ReadFile(again.CAFile()); err != nil || !bytes.Equal(text, first.CAPEM()) {
					t.Errorf("%s was not written again: %v", again.CAFile(), err)
				}
				return
			}
			if err == nil {
				t.Fatal("open: no error")
			}
			for _, word := range tc.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("open: %q, want it to say %q", err, word)
				}
			}
			if after, _ := os.ReadFile(filepath.Join(dir, caFile)); !bytes.Equal(before, after) {
				t.Error("the authority's file was replaced")
			}
		})
	}
}

// TestLocalFirstStarts opens many at once in one new folder: all must use the same
// authority.
func TestLocalFirstStarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	locals := make([]*Local, 8)
	var wg sync.WaitGroup
	for i := range locals {
		wg.Go(func() {
			var err error
			if locals[i], err = LoadOrCreateLocal(dir, hostsOf("localhost"), nil); err != nil && !errors.Is(err, fs.ErrExist) {
				t.Errorf("start %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for i, l := range locals {
		if l == nil || !bytes.Equal(l.CAPEM(), locals[0].CAPEM()) {
			t.Fatalf("start %d has another authority", i)
		}
		if err := l.Leaf().CheckSignatureFrom(locals[0].ca.cert); err != nil {
			t.Errorf("start %d: %v", i, err)
		}
	}
}
