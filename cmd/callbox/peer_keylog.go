package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

// keyLogFlag names the file for the keys of a call.
type keyLogFlag struct {
	KeyLog string `name:"keylog" placeholder:"FILE" group:"Result:" help:"Append the keys of the DTLS connection to FILE, in the format of SSLKEYLOGFILE, so that Wireshark can decrypt a recording of the network. Whoever has the file can decrypt the call."`
}

// openKeys opens the file, which only its owner can read; nil if none is named.
func (k *keyLogFlag) openKeys(log *slog.Logger) (io.WriteCloser, error) {
	if k.KeyLog == "" {
		return nil, nil //nolint:nilnil // no file is wanted
	}
	file, err := os.OpenFile(filepath.Clean(k.KeyLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Chmod(0o600); err != nil {
		return nil, err
	}
	log.Warn("the keys of the call are written to a file; delete it when it is no longer needed", "file", k.KeyLog)
	return file, nil
}
