package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openTestSecrets(t *testing.T, c *serveCommand, data string) *serveConfig {
	t.Helper()
	var wrong faults
	config := &serveConfig{
		turnConfig: &turnConfig{turnFlags: &c.turnFlags, data: data, secrets: newSecrets("--turn-secret", c.TurnSecret, 1, &wrong)},
		flags:      c,
		session:    newSecrets("--session-secret", c.SessionSecret, 1, &wrong),
		join:       newSecrets("--join-secret", c.JoinSecret, 1, &wrong),
	}
	config.openSecrets(&wrong)
	if err := wrong.err(); err != nil {
		t.Fatal(err)
	}
	return config
}

// TestStoredSecrets holds that what is made at the first start is private,
// stays, and stands where the flag says.
func TestStoredSecrets(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	given := strings.Repeat("g", 32)
	c := &serveCommand{turnFlags: turnFlags{TurnUDP: []string{":0"}, TurnSecret: []string{stored}}, SessionSecret: []string{stored, given}, JoinSecret: []string{given, stored}}
	first := openTestSecrets(t, c, data)
	for _, tc := range []struct {
		list *list[[]byte]
		file string
		at   int // place of the stored one
	}{{first.secrets, turnSecretFile, 0}, {first.session, sessionSecretFile, 0}, {first.join, joinSecretFile, 1}} {
		path := filepath.Join(data, tc.file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", tc.file, info.Mode(), err)
		}
		if got := string(tc.list.values[tc.at]); got != strings.TrimSpace(string(text)) || len(got) < minSessionSecretBytes {
			t.Errorf("%s: the secret is not the one of the file", tc.list.flag)
		}
		if !tc.list.hasFiles() {
			t.Errorf("%s: the stored file is not followed", tc.list.flag)
		}
	}
	if len(first.session.values) != 2 || string(first.session.values[1]) != given || string(first.join.values[0]) != given {
		t.Error("a secret that is given beside the stored one is lost")
	}
	second := openTestSecrets(t, c, data)
	if string(second.session.values[0]) != string(first.session.values[0]) || string(second.join.values[1]) != string(first.join.values[1]) {
		t.Error("the stored secrets of a second start are others")
	}
	if string(first.session.values[0]) == string(first.secrets.values[0]) {
		t.Error("one secret serves for two things")
	}
}

// TestStoredSecretsNotNeeded holds that nothing is made that nobody asked for.
func TestStoredSecretsNotNeeded(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	given := []string{strings.Repeat("g", 32)}
	openTestSecrets(t, &serveCommand{turnFlags: turnFlags{TurnSecret: []string{stored}}, SessionSecret: given, JoinSecret: given}, data)
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data folder was made for nothing: %v", err)
	}
	openTestSecrets(t, &serveCommand{turnFlags: turnFlags{TurnSecret: []string{stored}}, SessionSecret: []string{stored}}, data)
	made, err := os.ReadDir(data)
	if err != nil || len(made) != 1 || made[0].Name() != sessionSecretFile {
		t.Errorf("in the data folder: %v, %v; want the session secret alone", made, err)
	}
}
