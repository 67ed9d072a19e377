package safefile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	newSecretBytes = 32
	maxSecretFile  = 4096
)

// LoadOrCreateSecret reads the secret in one of the program's own files. If the file does
// not exist, it creates one with a secret of 32 random bytes, written in hexadecimal. The
// secret is the text of the file without surrounding blanks, so that it can be copied to
// another server as it is. Several processes may call it at once; they get the same
// secret. The error says so if the secret is shorter than minBytes.
//
// If other users could read the file, it is made private (mode 0600), and wasOpen is
// true. A file that is not a valid secret is not changed.
func LoadOrCreateSecret(name string, minBytes int) (secret string, wasOpen bool, err error) {
	secret, wasOpen, err = loadSecret(name, minBytes)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, wasOpen, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return "", false, err
	}
	random := make([]byte, newSecretBytes)
	_, _ = rand.Read(random) // never fails
	if err := CreatePrivate(name, []byte(hex.EncodeToString(random)+"\n"), 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", false, fmt.Errorf("create secret file: %w", err)
	}
	return loadSecret(name, minBytes)
}

func loadSecret(name string, minBytes int) (secret string, wasOpen bool, err error) {
	file, info, err := openPrivate(name)
	if err != nil {
		return "", false, err
	}
	defer file.Close() //nolint:errcheck // only read from
	content, err := readAll(file, maxSecretFile)
	if err != nil {
		return "", false, err
	}
	text, err := Text(content)
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", name, err)
	}
	if secret = Trim(text); len(secret) < minBytes {
		return "", false, fmt.Errorf("secret file %s has %d bytes, at least %d are needed", name, len(secret), minBytes)
	}
	wasOpen, err = makePrivate(file, info)
	return secret, wasOpen, err
}
