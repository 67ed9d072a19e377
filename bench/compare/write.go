package compare

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// Text writes all rounds of all figures, the ratios to the servers of ratios, the
// verdicts, and the notes, each on its own line.
func (f *Figures) Text(out io.Writer, ratios []string, verdicts []Verdict, notes []string) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var text strings.Builder
	for _, row := range f.rows {
		fmt.Fprintf(&text, "%s\n", row)
		for _, s := range f.series[row] {
			fmt.Fprintf(&text, "  %s\t%s", s.Server, number(s.Median))
			for _, server := range ratios {
				fmt.Fprintf(&text, "\t%s", f.ratio(s, server))
			}
			fmt.Fprintf(&text, "\trounds: %s\n", numbers(s.Rounds))
		}
	}
	if len(verdicts) > 0 {
		text.WriteString("\ntarget\t\tmeasured\n")
	}
	for _, v := range verdicts {
		fmt.Fprintf(&text, "%s\t%s\t%s\t%s\n", v.Target, v.limit(), number(v.Measured), v.word())
	}
	for _, note := range notes {
		fmt.Fprintf(&text, "\n%s\n", note)
	}
	if _, err := io.WriteString(table, text.String()); err != nil {
		return err
	}
	return table.Flush()
}

// Markdown writes the medians, with a column for each server, and the verdicts.
func (f *Figures) Markdown(out io.Writer, rounds int, servers []string, verdicts []Verdict) error {
	var text strings.Builder
	line := func(cells ...string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	head, under := []string{fmt.Sprintf("median of %d", rounds)}, []string{"---"}
	for _, server := range servers {
		head, under = append(head, server), append(under, "---")
	}
	line(head...)
	line(under...)
	for _, row := range f.rows {
		cells := []string{row}
		for _, server := range servers {
			cell := "–"
			if v, ok := f.Get(row, server); ok {
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

// JSON writes all rounds of all figures, the verdicts and more fields to a file; - = out.
func (f *Figures) JSON(out io.Writer, file string, verdicts []Verdict, more map[string]any) error {
	report := map[string]any{"figures": f.all(), "targets": verdicts}
	for key, value := range more {
		report[key] = value
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	if file != "-" {
		return os.WriteFile(file, append(text, '\n'), 0o600)
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}

func (f *Figures) all() (all []*Series) {
	for _, row := range f.rows {
		all = append(all, f.series[row]...)
	}
	return all
}

// ratio returns the ratio of s to a server in the same row.
func (f *Figures) ratio(s *Series, server string) string {
	other, ok := f.Get(s.Row, server)
	if !ok || other == 0 || s.Server == server {
		return ""
	}
	return fmt.Sprintf("%.2f × %s", s.Median/other, server)
}

// number formats with three significant digits, or more before the decimal point.
func number(v float64) string {
	switch size := max(v, -v); {
	case size >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case size >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func numbers(values []float64) string {
	var texts []string
	for _, v := range values {
		texts = append(texts, number(v))
	}
	return strings.Join(texts, " ")
}
