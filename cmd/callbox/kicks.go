package main

import (
	"errors"
	"io/fs"
	"path/filepath"

	"callbox/internal/safefile"
)

const (
	// kicksFile is the file for kicks and bans in the data folder.
	kicksFile = "kicks.json"
	// maxKicksFile is the largest file that is read, in bytes; the server never writes
	// as much.
	maxKicksFile = 16 << 20
)

// kickFile stores kicks and bans in a file. It is a signaling.KickStore.
type kickFile string

// Load reads the file, if there is one.
func (f kickFile) Load() ([]byte, error) {
	text, err := safefile.ReadPrivate(string(f), maxKicksFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// Save replaces the file.
func (f kickFile) Save(state []byte) error {
	if err := safefile.MakeFolder(filepath.Dir(string(f))); err != nil {
		return err
	}
	return safefile.WritePrivate(string(f), state, 0o600)
}
