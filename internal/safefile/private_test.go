//go:build unix

package safefile

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

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

func TestSecretIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "secret")
	secrets := make([]string, 16)
	var work sync.WaitGroup
	for i := range secrets {
		work.Go(func() {
			var wasOpen bool
			var err error
			if secrets[i], wasOpen, err = LoadOrCreateSecret(path, 16); err != nil || wasOpen {
				t.Error(wasOpen, err)
			}
		})
	}
	work.Wait()
	for _, secret := range secrets {
		if secret != secrets[0] {
			t.Fatalf("two secrets: %q and %q", secret, secrets[0])
		}
	}
	if random, err := hex.DecodeString(secrets[0]); err != nil || len(random) < 32 {
		t.Errorf("secret %q is not 32 random bytes in hexadecimal", secrets[0])
	}
	wantMode(t, path, 0o600)
	wantMode(t, filepath.Dir(path), 0o700|os.ModeDir)
	other, _, err := LoadOrCreateSecret(filepath.Join(t.TempDir(), "secret"), 16)
	if err != nil || other == secrets[0] {
		t.Errorf("another file has the same secret (%v)", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestSecretOpenToOthers checks that secrets are made private, and nothing else.
func TestSecretOpenToOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	for content, want := range map[string]string{"\ufeff  a secret of the operator \r\n": "a secret of the operator", "": "", "password\n": "", strings.Repeat("x", 5000): ""} {
		write(t, path, content)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		secret, wasOpen, err := LoadOrCreateSecret(path, 16)
		if secret != want || wasOpen != (want != "") || (err == nil) != (want != "") {
			t.Errorf("got %q, %v, %v, want %q", secret, wasOpen, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%v does not name the file", err)
		}
		if want == "" {
			wantMode(t, path, 0o644)
		} else {
			wantMode(t, path, 0o600)
		}
		if kept, _ := os.ReadFile(path); string(kept) != content {
			t.Error("the file was changed")
		}
	}
	if _, _, err := LoadOrCreateSecret(filepath.Join(path, "below a file"), 16); err == nil {
		t.Error("a path below a file is taken")
	}
}

// TestPrivateFilesAreNoLinks writes and reads in the place of a link.
func TestPrivateFilesAreNoLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := write(t, filepath.Join(dir, "target"), "of somebody else")
	link, dangling, loop := filepath.Join(dir, "link"), filepath.Join(dir, "dangling"), filepath.Join(dir, "loop")
	for name, to := range map[string]string{link: target, dangling: filepath.Join(dir, "nowhere"), loop: loop} {
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{link, dangling, loop, dir, makePipe(t, filepath.Join(dir, "pipe"))} {
		if text, err := ReadPrivate(name, testLimit); !errors.Is(err, errNotOwn) {
			t.Errorf("%s: read %q, %v", name, text, err)
		}
		if err := WritePrivate(name, []byte("x"), 0o600); !errors.Is(err, errNotOwn) {
			t.Errorf("%s: written, %v", name, err)
		}
		if err := CreatePrivate(name, []byte("x"), 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: made, %v", name, err)
		}
		if err := MakeFolder(name); name != dir && !errors.Is(err, errNotOwn) {
			t.Errorf("%s: taken as a folder, %v", name, err)
		}
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "of somebody else" {
		t.Errorf("the target holds %q, %v", text, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 5 {
		t.Errorf("left behind: %v", entries)
	}
}
