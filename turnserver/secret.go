package turnserver

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const (
	newSecretBytes  = 32
	maxSecretFile   = 4096
	privateFile     = 0o600
	privateDir      = 0o700
	othersMayAccess = 0o077
)

// LoadOrCreateSecret reads the shared secret in the file at path, or makes one
// of 32 random bytes there, written as hexadecimal text, when there is none. The
// secret is the file's text without the white space around it, so that it can
// be given to any other TURN server as it stands. A file that others can read
// or write is made private (mode 0600); when that is not possible, it is an
// error. Several processes may call it at once and get the same secret.
func LoadOrCreateSecret(path string) ([]byte, error) {
	secret, err := loadSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := createSecret(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make secret file: %w", err)
	}
	return loadSecret(path)
}

func loadSecret(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names this file
	if err != nil {
		return nil, fmt.Errorf("read secret file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read secret file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("secret file %s is not a regular file", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&othersMayAccess != 0 {
		if err := f.Chmod(privateFile); err != nil {
			return nil, fmt.Errorf("secret file %s is open to others (mode %04o) and cannot be made private: %w", path, info.Mode().Perm(), err)
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, fmt.Errorf("read secret file: %w", err)
	}
	secret := bytes.TrimSpace(text)
	if len(secret) < MinSecretBytes || len(text) > maxSecretFile {
		return nil, fmt.Errorf("secret file %s holds %d bytes, between %d and %d are needed", path, len(secret), MinSecretBytes, maxSecretFile)
	}
	return secret, nil
}

// createSecret writes the whole file under another name first, so that nobody
// ever reads half a secret, and does not replace one that appeared meanwhile.
func createSecret(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return err
	}
	random := make([]byte, newSecretBytes)
	_, _ = rand.Read(random) // never fails
	f, err := os.CreateTemp(dir, ".secret-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already when it was renamed
	_, err = f.WriteString(hex.EncodeToString(random) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	err = os.Link(f.Name(), path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(f.Name(), path) // a file system without hard links
}
