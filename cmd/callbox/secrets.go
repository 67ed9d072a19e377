package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"callbox/internal/safefile"
	"callbox/turnserver"
)

const (
	// stored, in place of a secret, means the one in the data folder, generated at the
	// first start. No secret is as short as this word.
	stored = "stored"

	turnSecretFile    = "turn-secret"
	sessionSecretFile = "session-secret"
	joinSecretFile    = "join-secret"
)

// newSecrets reads the values of a flag except the stored one. It is a fault if there
// are none at all.
func newSecrets(flag string, given []string, minBytes int, faults *faults) *list[[]byte] {
	before := len(*faults)
	here := slices.DeleteFunc(slices.Clone(given), isStored)
	l := newList(flag, here, secretOf(minBytes), faults)
	if len(here) > 0 && len(l.values) == 0 && len(*faults) == before {
		faults.addf(flag, "there is no secret in %s", strings.Join(here, " "))
	}
	return l
}

func isStored(given string) bool { return given == stored }

// secretOf returns a parser of a shared secret. Its errors do not contain the secret.
func secretOf(minBytes int) func(string) ([][]byte, error) {
	return func(text string) ([][]byte, error) {
		if inQuotes(text) {
			return nil, errors.New("a secret is in quotes, which would be part of it; remove them")
		}
		if len(text) < minBytes {
			return nil, fmt.Errorf("a secret has %d bytes, at least %d are needed", len(text), minBytes)
		}
		return [][]byte{[]byte(text)}, nil
	}
}

// inQuotes reports whether text is enclosed in quotes, which shells and other
// configuration files would remove.
func inQuotes(text string) bool {
	for _, quotes := range [][2]string{{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"“", "”"}, {"„", "“"}, {"‘", "’"}, {"«", "»"}} {
		if rest, ok := strings.CutPrefix(text, quotes[0]); ok && strings.HasSuffix(rest, quotes[1]) {
			return true
		}
	}
	return false
}

// needsStoredSecret reports whether a secret is stored in the data folder.
func (c *serveCommand) needsStoredSecret() bool {
	return c.turnFlags.needsStoredSecret() ||
		slices.ContainsFunc(c.SessionSecret, isStored) || slices.ContainsFunc(c.JoinSecret, isStored)
}

// openSecrets reads the secrets in the data folder, and generates those that are not
// there yet. Their files are reloaded like those of @FILE.
func (c *serveConfig) openSecrets(log *slog.Logger, faults *faults) {
	c.turnConfig.openSecrets(log, faults)
	c.openStored(c.session, c.flags.SessionSecret, "session secret", sessionSecretFile, log, faults)
	c.openStored(c.join, c.flags.JoinSecret, "join secret", joinSecretFile, log, faults)
}

// openSecrets does the same for the TURN secret.
func (c *turnConfig) openSecrets(log *slog.Logger, faults *faults) {
	if c.turnFlags.servesTURN() {
		c.openStored(c.secrets, c.turnFlags.TurnSecret, "TURN secret", turnSecretFile, log, faults)
	}
}

// openStored replaces the word stored among the flag's values by the secret of a file
// in the data folder.
func (c *turnConfig) openStored(l *list[[]byte], given []string, what, file string, log *slog.Logger, faults *faults) {
	if !slices.ContainsFunc(given, isStored) || c.data == "" {
		return
	}
	if err := os.MkdirAll(c.data, 0o700); err != nil {
		faults.add("--data", err)
		return
	}
	path := filepath.Join(c.data, file)
	_, wasOpen, err := safefile.LoadOrCreateSecret(path, turnserver.MinSecretBytes)
	if err != nil {
		faults.add("--data", fmt.Errorf("%s: %w", what, err))
		return
	}
	if wasOpen {
		log.Warn("a secret could be read by other users and has been made private; if someone may have read it, delete the file and restart", "file", path)
	}
	l.given = slices.Clone(given)
	for i := range l.given {
		if isStored(l.given[i]) {
			l.given[i] = "@" + path
		}
	}
	l.keepPrivate(path)
	if l.values, l.seen, err = l.read(); err != nil {
		faults.add(l.flag, err)
	}
}

// signingSecret returns the secret with which a command signs something for a server:
// from the value of a flag, or from file in the data folder. It generates none, because
// the server would not know it; maker is the command that does.
func signingSecret(flag, data, file string, minBytes int, maker string, env environment) ([]byte, error) {
	given := flag
	if isStored(given) {
		folder := cmp.Or(data, dataFolder(env, runtime.GOOS))
		if folder == "" {
			return nil, errors.New("there is no home folder to look for it in; name the folder with --data, or give the secret itself")
		}
		given = "@" + filepath.Join(folder, file)
	}
	l := list[[]byte]{given: []string{given}, parse: secretOf(minBytes)}
	if isStored(flag) {
		l.keepPrivate(given[1:])
	}
	secrets, _, err := l.read()
	switch {
	case isStored(flag) && errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is none in %s; start %s with that folder first, or give the secret itself", filepath.Dir(given[1:]), maker)
	case err != nil:
		return nil, err
	case len(secrets) == 0:
		return nil, fmt.Errorf("there is no secret in %s", given)
	}
	return secrets[0], nil
}
