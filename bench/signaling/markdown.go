package signaling

import (
	"fmt"
	"io"
	"strings"
)

// tellMarkdown writes the section "Measured" of docs/bench.md: medians, a
// column for each server, and the targets.
func (r *runner) tellMarkdown(out io.Writer, verdicts []verdict) error {
	var text strings.Builder
	line := func(cells ...string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	head, under := []string{fmt.Sprintf("median of %d", r.rounds)}, []string{"---"}
	for _, k := range kinds() {
		if r.measures(k.name) {
			head, under = append(head, k.label), append(under, "---")
		}
	}
	line(head...)
	line(under...)
	for _, row := range r.figures.rows {
		cells := []string{row}
		for _, k := range kinds() {
			if !r.measures(k.name) {
				continue
			}
			cell := "–"
			if v, ok := r.figures.get(row, k.label); ok {
				cell = number(v)
			}
			cells = append(cells, cell)
		}
		line(cells...)
	}
	if len(verdicts) > 0 {
		text.WriteString("\n")
		line("target", "", "measured", "")
		line("---", "---", "---", "---")
	}
	for _, v := range verdicts {
		line(v.Target, v.limit(), number(v.Measured), v.word())
	}
	_, err := io.WriteString(out, text.String())
	return err
}
