package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"callbox/e2e/browser"
)

var lighthouseFull = flag.Bool("lighthouse.full", false, "run Lighthouse, which make lighthouse installs")

// TestLighthouse has Lighthouse judge the pages that it can load by itself, over HTTPS with
// a certificate that the browser trusts, on a phone and on a desktop.
func TestLighthouse(t *testing.T) {
	if !*lighthouseFull {
		t.Skip("part of make lighthouse")
	}
	s, n := sharedServer(t), sharedLab(t).A
	// The namespace has its ports for itself.
	b, err := browser.StartChromium(t.Context(), browser.Options{Start: n.Start, CA: s.ca, Flags: []string{"--remote-debugging-port=9222"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	program, err := filepath.Abs(filepath.Join("lighthouse", "node_modules", ".bin", "lighthouse"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/?lang=zh", "/r/" + galleryRoom, "/check", "/embed/" + galleryRoom} {
		for _, device := range []string{"phone", "desktop"} {
			t.Run(device+strings.ReplaceAll(path, "/", "-"), func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "report.json")
				args := []string{
					s.url + path, "--port=9222", "--quiet", "--output=json", "--output-path=" + file,
					"--only-categories=accessibility,best-practices", "--throttling-method=provided",
				}
				if device == "desktop" {
					args = append(args, "--preset=desktop")
				}
				command := exec.CommandContext(t.Context(), program, args...)
				var output bytes.Buffer
				command.Stdout, command.Stderr = &output, &output
				err := n.Start(command)
				if err == nil {
					err = command.Wait()
				}
				if err != nil {
					t.Fatalf("%v\n%s", err, tail(output.String()))
				}
				checkScores(t, file)
			})
		}
	}
}

// checkScores checks a report of Lighthouse.
func checkScores(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Categories map[string]struct {
			Score     float64
			AuditRefs []struct {
				ID     string
				Weight float64
			}
		}
		Audits map[string]struct {
			Title string
			Score *float64
		}
	}
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"accessibility", "best-practices"} {
		category := report.Categories[name]
		t.Logf("%s: %.0f", name, 100*category.Score)
		if category.Score >= 0.95 {
			continue
		}
		t.Errorf("%s: %.0f, want at least 95", name, 100*category.Score)
		for _, ref := range category.AuditRefs {
			if audit := report.Audits[ref.ID]; ref.Weight > 0 && audit.Score != nil && *audit.Score < 1 {
				t.Errorf("%s: %s", ref.ID, audit.Title)
			}
		}
	}
}
