package signaling

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// errWrong says that the figures are not to be believed.
var errWrong = errors.New("the bench is wrong on this machine: socket.io and ws do not compare as they are known to")

// What socket.io relays of what ws does, in one CPU second with window 2, and
// how far that may be off.
const (
	knownRatio     = 0.69
	knownTolerance = 0.15
)

// busyShare is how much of its processor a server under full load gets at
// least, in percent, on a machine that does nothing else.
const busyShare = 90

// tell writes everything that was measured.
func (r *runner) tell(out io.Writer) error {
	verdicts, sane := r.figures.judge(r.tls)
	if r.json != "" {
		if err := r.tellJSON(out, verdicts); err != nil {
			return err
		}
	}
	tell := r.tellTable
	if r.markdown {
		tell = r.tellMarkdown
	}
	if r.json != "-" {
		if err := tell(out, verdicts); err != nil {
			return err
		}
	}
	return sane
}

func (r *runner) tellTable(out io.Writer, verdicts []verdict) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var text strings.Builder
	for _, row := range r.figures.rows {
		fmt.Fprintf(&text, "%s\n", row)
		for _, s := range r.figures.series[row] {
			fmt.Fprintf(&text, "  %s\t%s\t%s\t%s\trounds: %s\n", s.Server, number(s.Median),
				r.figures.ratio(s, "socket.io"), r.figures.ratio(s, "floor"), numbers(s.Rounds))
		}
	}
	if len(verdicts) > 0 {
		fmt.Fprintf(&text, "\ntarget\t\tmeasured\n")
	}
	for _, v := range verdicts {
		fmt.Fprintf(&text, "%s\t%s\t%s\t%s\n", v.Target, v.limit(), number(v.Measured), v.word())
	}
	if r.rounds < roundsThatCount {
		fmt.Fprintf(&text, "\nOf fewer than %d rounds: no measurement, only a look.\n", roundsThatCount)
	}
	if share, ok := r.figures.least(rowShare); ok && share < busyShare {
		fmt.Fprintf(&text, "\nThe machine was busy with something else: a server got %.0f %% of its processor only.\n", share)
	}
	if !r.programs.pinned {
		fmt.Fprintf(&text, "\nServer and clients share their processors: there is only one, or no taskset.\n")
	}
	if _, err := io.WriteString(table, text.String()); err != nil {
		return err
	}
	return table.Flush()
}

func (r *runner) tellJSON(out io.Writer, verdicts []verdict) error {
	report := struct {
		TLS      bool      `json:"tls"`
		Pinned   bool      `json:"pinned"`
		Figures  []*series `json:"figures"`
		Verdicts []verdict `json:"targets"`
	}{r.tls, r.programs.pinned, nil, verdicts}
	for _, row := range r.figures.rows {
		report.Figures = append(report.Figures, r.figures.series[row]...)
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	if r.json != "-" {
		return os.WriteFile(r.json, append(text, '\n'), 0o600)
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}

// ratio compares s with a server in the same row.
func (f *figures) ratio(s *series, server string) string {
	other, ok := f.get(s.Row, server)
	if !ok || other == 0 || s.Server == server {
		return ""
	}
	return fmt.Sprintf("%.2f × %s", s.Median/other, server)
}

// number writes three digits that count, or more before the point.
func number(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
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
