package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseBan(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]time.Duration{
		"": 0, "ban=10m": 10 * time.Minute, "ban=1h30m": 90 * time.Minute, "ban=1s": time.Second, "ban=720h": 720 * time.Hour,
	} {
		if got, err := parseBan(query); got != want || err != nil {
			t.Errorf("%q: %v, %v", query, got, err)
		}
	}
	for _, query := range []string{
		"ban=", "ban", "ban=10", "ban=0", "ban=0s", "ban=-10m", "ban=999ms", "ban=721h", "ban=soon", "ban=1e9h", "ban=999999999999h",
		"bann=10m", "ban=10m&revoke=1", "ban=1m&ban=2m", "ban=%zz", "ban=10m;", "Ban=10m",
	} {
		if got, err := parseBan(query); err == nil {
			t.Errorf("%q: %v, want a fault", query, got)
		}
	}
}

// kickRequest kicks a peer and returns the answer.
func (r *running) kickRequest(t *testing.T, peer, query string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, r.ready.Admin+"/peers/"+peer+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r.do(t, request)
}

const joinDoor = `{"type":"join","id":1,"room":"door"`

func TestKickAndBan(t *testing.T) {
	t.Parallel()
	r := start(t)
	eve := dialSocket(t, r.ready.HTTP, nil).ask(t, joinDoor+`}`)
	if got := r.kickRequest(t, eve.Peer, "?ban=soon"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "10m") {
		t.Errorf("a ban that is no time: %d %s", got.status, got.body)
	}
	if got := r.kickRequest(t, "nobody", "?ban=10m"); got.status != http.StatusNotFound {
		t.Errorf("nobody: %d", got.status)
	}
	kept := filepath.Join(r.data, kicksFile)
	if _, err := os.Stat(kept); err == nil {
		t.Error("a file is made before there is anything to keep")
	}
	if got := r.kickRequest(t, eve.Peer, "?ban=10m"); got.status != http.StatusNoContent {
		t.Fatalf("kick: %d %s", got.status, got.body)
	}
	info, err := os.Stat(kept)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v (%v), want a file of mode 0600", info, err)
	}
	refused := func(r *running) {
		t.Helper()
		for _, fields := range []string{`}`, `,"resume":"` + eve.Resume + `","seq":0}`, `,"replace":"` + eve.Resume + `"}`} {
			got := dialSocket(t, r.ready.HTTP, nil).ask(t, "%s", joinDoor+fields)
			if got.Code != "unauthorized" || !strings.Contains(got.Message, "operator") {
				t.Errorf("%s: %+v", fields, got)
			}
		}
	}
	refused(r)
	other := dialSocket(t, r.ready.HTTP, nil).ask(t, `{"type":"join","id":1,"room":"other"}`)
	if other.Type != "joined" {
		t.Errorf("another room: %+v", other)
	}
	r.stop()
	refused(start(t, "--data", r.data))
}

// TestKicksFile puts something else in the place of the file.
func TestKicksFile(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(path string) error{
		"a folder":      func(path string) error { return os.Mkdir(path, 0o700) },
		"a pipe":        func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"far too large": func(path string) error { return os.WriteFile(path, make([]byte, maxKicksFile+1), 0o600) },
	} {
		file := kickFile(filepath.Join(t.TempDir(), kicksFile))
		if err := put(string(file)); err != nil {
			t.Fatal(err)
		}
		if text, err := file.Load(); err == nil {
			t.Errorf("%s: read as %d bytes", name, len(text))
		}
		foreign := name == "a folder" || name == "a pipe" // which are left alone
		if err := file.Save([]byte("kept")); (err != nil) != foreign {
			t.Errorf("%s: save: %v", name, err)
		}
		if text, err := file.Load(); !foreign && string(text) != "kept" {
			t.Errorf("%s: %q (%v) after saving", name, text, err)
		}
		if left, err := os.ReadDir(filepath.Dir(string(file))); len(left) != 1 {
			t.Errorf("%s: left behind: %v (%v)", name, left, err)
		}
	}
	file := kickFile(filepath.Join(t.TempDir(), "new", kicksFile))
	if text, err := file.Load(); text != nil || err != nil {
		t.Errorf("no file: %q, %v", text, err)
	}
}

// TestDamagedKicksFile checks that a damaged file is reported and that the server
// starts nonetheless.
func TestDamagedKicksFile(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	writeFile(t, filepath.Join(data, kicksFile), `{"version":1,"rooms":[`)
	r := start(t, "--data", data)
	if !strings.Contains(r.stderr.String(), "cannot load the kicks from before") {
		t.Errorf("log: %s", r.stderr)
	}
}
