package cert

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newPair returns a certificate for localhost and its key, in PEM.
func newPair(tb testing.TB) (certPEM, keyPEM []byte) {
	tb.Helper()
	text, err := newAuthority(time.Now(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	ca, err := parseAuthority(text)
	if err != nil {
		tb.Fatal(err)
	}
	if text, err = ca.sign(parseHosts([]string{"localhost"}), time.Now()); err != nil {
		tb.Fatal(err)
	}
	at := bytes.Index(text, []byte("-----BEGIN CERTIFICATE"))
	return text[at:], text[:at]
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesFaults(t *testing.T) {
	t.Parallel()
	certPEM, keyPEM := newPair(t)
	_, otherKey := newPair(t)
	encrypted := []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	for _, tc := range []struct {
		name      string
		cert, key []byte // nil: no file
		want      []string
	}{
		{"neither", nil, nil, []string{"tls.crt", "tls.key", "no such file"}},
		{"no key", certPEM, nil, []string{"tls.key", "no such file"}},
		{"switched", keyPEM, certPEM, []string{"tls.crt: contains a key", "tls.key: contains a certificate", "swapped"}},
		{"of another", certPEM, otherKey, []string{"tls.crt and", "tls.key do not match"}},
		{"encrypted", certPEM, encrypted, []string{"tls.key", "passphrase"}},
		{"no PEM", []byte("DER"), []byte(""), []string{"tls.crt: not PEM", "tls.key: not PEM"}},
		{"other PEM", []byte("-----BEGIN X-----\n-----END X-----\n"), []byte("-----BEGIN X-----\n-----END X-----\n"), []string{"but no certificate", "but no key"}},
		{"broken certificate", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), keyPEM, []string{"tls.crt"}},
		{"too large", make([]byte, maxFile+1), keyPEM, []string{"tls.crt: larger"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			certFile, keyFile := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
			if tc.cert != nil {
				write(t, certFile, tc.cert)
			}
			if tc.key != nil {
				write(t, keyFile, tc.key)
			}
			_, err := NewFiles(certFile, keyFile, nil)
			if err == nil {
				t.Fatal("no error")
			}
			for _, word := range tc.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("NewFiles: %q, want it to say %q", err, word)
				}
			}
		})
	}
}

func TestFilesReload(t *testing.T) {
	t.Parallel()
	certFile, keyFile := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	oldCert, oldKey := newPair(t)
	newCert, newKey := newPair(t)
	write(t, certFile, oldCert)
	write(t, keyFile, oldKey)
	var log bytes.Buffer
	f, err := NewFiles(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	now := func() *tls.Certificate {
		f.mu.Lock()
		f.next = time.Time{} // a second has gone by
		f.mu.Unlock()
		pair, err := f.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	first := now()

	// A renewal writes one file after the other.
	write(t, certFile, newCert)
	for range 3 {
		if now() != first {
			t.Fatal("a certificate without its key is in use")
		}
	}
	if n := strings.Count(log.String(), "do not match"); n != 1 {
		t.Errorf("the fault was logged %d times, want once: %s", n, log.String())
	}
	write(t, keyFile, newKey)
	second := now()
	if second == first || !f.Leaf().Equal(second.Leaf) {
		t.Fatal("the new certificate is not in use")
	}
	if now() != second {
		t.Error("unchanged files gave another certificate")
	}

	for i, bad := range [][]byte{[]byte("garbage"), nil, oldKey} {
		write(t, keyFile, bad)
		if now() != second {
			t.Errorf("bad key %d is in use", i)
		}
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if now() != second {
		t.Error("removed files took the certificate away")
	}
	if want := fmt.Sprintf("open %s", keyFile); !strings.Contains(log.String(), want) {
		t.Errorf("log %q, want %q in it", log.String(), want)
	}
	write(t, certFile, oldCert)
	write(t, keyFile, oldKey)
	if got := now(); !got.Leaf.Equal(first.Leaf) {
		t.Error("good files after bad ones are not in use")
	}
}

func TestFilesEnded(t *testing.T) {
	t.Parallel()
	text, err := newAuthority(time.Now().Add(-2*leafLife), nil)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := parseAuthority(text)
	if err != nil {
		t.Fatal(err)
	}
	if text, err = ca.sign(parseHosts([]string{"localhost"}), time.Now().Add(-2*leafLife)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "both.pem")
	write(t, name, text)
	var log bytes.Buffer
	if _, err := NewFiles(name, name, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "certificate expired on") {
		t.Errorf("log %q, want a warning", log.String())
	}
}

func FuzzFiles(f *testing.F) {
	certPEM, keyPEM := newPair(f)
	f.Add(certPEM, keyPEM)
	f.Add(keyPEM, certPEM)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), keyPEM)
	f.Add([]byte(nil), []byte("-----BEGIN X-----\n"))
	f.Fuzz(func(t *testing.T, certPEM, keyPEM []byte) {
		pair, _, err := parsePair("c", certPEM, "k", keyPEM)
		if (pair == nil) == (err == nil) {
			t.Fatalf("parse = %v, %v", pair, err)
		}
		if err == nil && pair.Leaf == nil {
			t.Fatal("no leaf")
		}
	})
}

// TestFilesUnderLinks changes a symbolic link at each renewal, as certbot and Kubernetes
// do.
func TestFilesUnderLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, version := range []string{"1", "2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		certPEM, keyPEM := newPair(t)
		write(t, filepath.Join(dir, version, "tls.crt"), certPEM)
		write(t, filepath.Join(dir, version, "tls.key"), keyPEM)
	}
	live := filepath.Join(dir, "live")
	point := func(version string) {
		t.Helper()
		next := filepath.Join(dir, "next")
		if err := os.Symlink(version, next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, live); err != nil {
			t.Fatal(err)
		}
	}
	point("1")
	f, err := NewFiles(filepath.Join(live, "tls.crt"), filepath.Join(live, "tls.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	first := f.Leaf()
	if change, err := f.Reload(); change != "" || err != nil {
		t.Errorf("nothing has changed, and Reload returns %q, %v", change, err)
	}
	point("2")
	if change, err := f.Reload(); change == "" || err != nil || f.Leaf().Equal(first) {
		t.Errorf("after the swap: %q, %v", change, err)
	}
	if err := os.Remove(live); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Reload(); err == nil {
		t.Error("files that are away are no fault")
	}
	point("1")
	if _, err := f.Reload(); err != nil || !f.Leaf().Equal(first) {
		t.Errorf("after the files are back: %v", err)
	}
}
