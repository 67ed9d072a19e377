package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestCodeMap checks that each function that docs/code.md names is declared in one of
// the files beside it.
func TestCodeMap(t *testing.T) {
	t.Parallel()
	quoted := regexp.MustCompile("`([^`]+)`")
	rows := 0
	for line := range strings.Lines(document(t, "docs", "code.md")) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[3], "`") {
			continue
		}
		rows++
		var text strings.Builder
		for _, file := range quoted.FindAllStringSubmatch(cells[2], -1) {
			text.WriteString(document(t, strings.Split(file[1], "/")...))
		}
		for _, name := range quoted.FindAllStringSubmatch(cells[3], -1) {
			exact := regexp.QuoteMeta(name[1])
			declared := regexp.MustCompile(`(?m)^(func (\([^)]+\) )?|(export )?(async )?function |export const )` + exact + `\b|^  (async )?` + exact + `\(.*\) \{$`)
			if !declared.MatchString(text.String()) {
				t.Errorf("docs/code.md: %s declares no %s", strings.TrimSpace(cells[2]), name[1])
			}
		}
	}
	if rows < 30 {
		t.Errorf("docs/code.md has only %d rows with functions", rows)
	}
}
