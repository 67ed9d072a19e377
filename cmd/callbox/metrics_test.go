package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// TestMetricsLint holds that the metrics follow the conventions of Prometheus,
// each exactly as an operator gets it, and that the documentation has them all.
func TestMetricsLint(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.join(t, r.ready.HTTP, "quiet-river")
	text := r.get(t, r.ready.Admin+"/metrics").body
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	manual := document(t, "docs", "operating.md")
	names := regexp.MustCompile(`(?m)^# TYPE (callbox_\w+)`).FindAllStringSubmatch(text, -1)
	if len(names) < 20 {
		t.Errorf("%d metrics of our own, want more: %q", len(names), names)
	}
	for _, name := range names {
		if !strings.Contains(manual, "`"+name[1]+"`") {
			t.Errorf("docs/operating.md does not know %s", name[1])
		}
	}
	for _, name := range regexp.MustCompile("`(callbox_\\w+)").FindAllStringSubmatch(manual, -1) {
		if !strings.Contains(text, "\n# TYPE "+name[1]+" ") {
			t.Errorf("docs/operating.md tells of %s, which there is not", name[1])
		}
	}
}

// document returns a file of the repository.
func document(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
