package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogFormats(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var b strings.Builder
		flags := logFlags{LogLevel: "warn", LogFormat: format}
		log, file, faults := flags.open(&b)
		if len(faults) > 0 {
			t.Fatal(faults.err())
		}
		log.Info("unheard")
		log.Warn("heard", "room", "x")
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if isJSON := json.Valid([]byte(b.String())); isJSON != (format == "json") || strings.Contains(b.String(), "unheard") || !strings.Contains(b.String(), "heard") {
			t.Errorf("%s: %s", format, b.String())
		}
	}
}

// TestLogFile runs the program with a log file in a folder that does not exist.
func TestLogFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "logs", "callbox.log")
	r := start(t, "--log-file", name, "--log-format", "json", "--log-level", "debug")
	secret := "?token=not-for-logs"
	r.get(t, r.ready.HTTP+"/r/secret-room"+secret)
	if code := r.stop(); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	requests := 0
	for line := range strings.Lines(string(text)) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if record["msg"] == "request" {
			requests++
			if record["status"] != float64(http.StatusOK) || record["method"] != "GET" {
				t.Errorf("logged %s", line)
			}
		}
	}
	if requests != 1 {
		t.Errorf("%d requests logged, want 1:\n%s", requests, text)
	}
	for _, private := range []string{"not-for-logs", "secret-room"} {
		if strings.Contains(string(text), private) {
			t.Errorf("the log has %q in it", private)
		}
	}
	if r.stderr.String() != "" {
		t.Errorf("standard error has %q beside the file", r.stderr)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestLogFileRotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "callbox.log")
	if err := os.WriteFile(name, []byte("what was there before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr syncBuffer
	file, err := openLogFile(name, 1, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(file, nil))
	const lines = 25
	for i := range lines {
		log.Info("line", "number", i, "filling", strings.Repeat("x", 100<<10))
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	// Old files are compressed in the background: all lines must be in the files that
	// exist now.
	eventually(t, func() error {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		packed := 0
		for _, entry := range entries {
			if strings.HasSuffix(entry.Name(), ".gz") {
				packed++
			}
		}
		if packed != 2 || len(entries) != 3 {
			return fmt.Errorf("%d files, %d of them compressed; want 3 and 2", len(entries), packed)
		}
		return nil
	})
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 1<<20 || !strings.Contains(string(text), fmt.Sprintf("number=%d ", lines-1)) {
		t.Errorf("the file has %d bytes, want at most 1 MiB with the last line in it", len(text))
	}
	if stderr.String() != "" {
		t.Errorf("standard error: %s", stderr.String())
	}
}

// TestLogFileFault removes the log file while the program runs.
func TestLogFileFault(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	var stderr syncBuffer
	file, err := openLogFile(filepath.Join(dir, "callbox.log"), 1, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	// A file has replaced the folder, so nothing can be opened.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(file, nil))
	log.Info("first")
	log.Info("second")
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	got := stderr.String()
	if strings.Count(got, "logging to standard error") != 1 || !strings.Contains(got, "msg=first") || !strings.Contains(got, "msg=second") {
		t.Errorf("standard error %q, want the fault once and both lines", got)
	}
}
