package turnserver_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"callbox/turnserver"
)

func TestSecretIsMadeOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "turn.secret")
	made, err := turnserver.LoadOrCreateSecret(path)
	if err != nil {
		t.Fatal(err)
	}
	if random, err := hex.DecodeString(string(made)); err != nil || len(random) < 32 {
		t.Errorf("secret %q is not 32 random bytes in hexadecimal", made)
	}
	wantMode(t, path, 0o600)
	wantMode(t, filepath.Dir(path), 0o700|os.ModeDir)
	again, err := turnserver.LoadOrCreateSecret(path)
	if err != nil || !bytes.Equal(made, again) {
		t.Errorf("second call: %q, %v, want %q", again, err, made)
	}
	other, err := turnserver.LoadOrCreateSecret(filepath.Join(t.TempDir(), "turn.secret"))
	if err != nil || bytes.Equal(made, other) {
		t.Errorf("another file has the same secret (%v)", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func wantMode(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != mode {
		t.Errorf("%s has mode %v, want %v", filepath.Base(path), info.Mode(), mode)
	}
}

func TestSecretMadeByManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "turn.secret")
	var secrets [16][]byte
	var work sync.WaitGroup
	for i := range secrets {
		work.Go(func() {
			var err error
			if secrets[i], err = turnserver.LoadOrCreateSecret(path); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	for _, secret := range secrets {
		if !bytes.Equal(secret, secrets[0]) {
			t.Fatalf("two secrets: %q and %q", secret, secrets[0])
		}
	}
}

func TestSecretOpenToOthersIsMadePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "turn.secret")
	if err := os.WriteFile(path, []byte("  a secret of the operator \n"), 0o644); err != nil {
		t.Fatal(err)
	}
	secret, err := turnserver.LoadOrCreateSecret(path)
	if err != nil || string(secret) != "a secret of the operator" {
		t.Errorf("got %q, %v", secret, err)
	}
	wantMode(t, path, 0o600)
}

func TestSecretFilesThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"empty": "", "short": "password\n", "long": strings.Repeat("x", 5000)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if secret, err := turnserver.LoadOrCreateSecret(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %q, %v", name, secret, err)
		}
		if kept, _ := os.ReadFile(path); string(kept) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := turnserver.LoadOrCreateSecret(dir); err == nil {
		t.Error("a directory is taken as secret file")
	}
	if _, err := turnserver.LoadOrCreateSecret(filepath.Join(dir, "empty", "below a file")); err == nil {
		t.Error("a path below a file is taken")
	}
}
