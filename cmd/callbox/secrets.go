package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"callbox/turnserver"
)

const (
	// stored as a secret means the one in the data folder, made at the first
	// start. No secret is as short as the word.
	stored = "stored"

	turnSecretFile    = "turn-secret"
	sessionSecretFile = "session-secret"
	joinSecretFile    = "join-secret"

	// minSessionSecretBytes is as long as what HMAC-SHA256 makes (RFC 2104,
	// section 3).
	minSessionSecretBytes = 32
)

// secrets are what callbox serve signs with. Of each the first signs.
type secrets struct {
	turn    *list[[]byte] // time-limited credentials
	session *list[[]byte] // resume tokens
	join    *list[[]byte] // join tokens; nobody needs one when there is none
}

// parseSecrets reads the secrets that the flags give; openSecrets adds those
// in the data folder.
func (c *serveCommand) parseSecrets(faults *faults) secrets {
	return secrets{
		turn:    newSecrets("--turn-secret", c.TurnSecret, turnserver.MinSecretBytes, faults),
		session: newSecrets("--session-secret", c.SessionSecret, minSessionSecretBytes, faults),
		join:    newSecrets("--join-secret", c.JoinSecret, minJoinSecretBytes, faults),
	}
}

// newSecrets reads the values of a flag but the stored one. Naming none at all
// is a fault.
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

// secretOf reads one shared secret. An error does not say what it is.
func secretOf(minBytes int) func(string) ([][]byte, error) {
	return func(text string) ([][]byte, error) {
		if len(text) < minBytes {
			return nil, fmt.Errorf("a secret has %d bytes, at least %d are needed", len(text), minBytes)
		}
		return [][]byte{[]byte(text)}, nil
	}
}

// needsStoredSecret reports whether a secret is kept in the data folder.
func (c *serveCommand) needsStoredSecret() bool {
	return c.servesTURN() && slices.ContainsFunc(c.TurnSecret, isStored) ||
		slices.ContainsFunc(c.SessionSecret, isStored) || slices.ContainsFunc(c.JoinSecret, isStored)
}

// openSecrets reads the secrets in the data folder, and makes those that are
// not there yet. Their files are followed like those of @FILE.
func (c *serveConfig) openSecrets(faults *faults) {
	if !c.flags.needsStoredSecret() || c.data == "" {
		return
	}
	if err := os.MkdirAll(c.data, 0o700); err != nil {
		faults.add("--data", err)
		return
	}
	if c.flags.servesTURN() {
		c.openStored(c.secrets.turn, c.flags.TurnSecret, "TURN secret", turnSecretFile, faults)
	}
	c.openStored(c.secrets.session, c.flags.SessionSecret, "session secret", sessionSecretFile, faults)
	c.openStored(c.secrets.join, c.flags.JoinSecret, "join secret", joinSecretFile, faults)
}

// openStored puts the secret of a file in the data folder into the place that
// the flag's values give it.
func (c *serveConfig) openStored(l *list[[]byte], given []string, what, file string, faults *faults) {
	if !slices.ContainsFunc(given, isStored) {
		return
	}
	path := filepath.Join(c.data, file)
	if _, err := turnserver.LoadOrCreateSecret(path); err != nil {
		faults.add("--data", fmt.Errorf("%s: %w", what, err))
		return
	}
	l.given = slices.Clone(given)
	for i := range l.given {
		if isStored(l.given[i]) {
			l.given[i] = "@" + path
		}
	}
	var err error
	if l.values, l.seen, err = l.read(); err != nil {
		faults.add(l.flag, err)
	}
}
