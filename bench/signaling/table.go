package signaling

import (
	"errors"
	"fmt"
	"io"

	"callbox/bench/compare"
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
		more := map[string]any{"tls": r.tls, "pinned": r.programs.Pinned}
		if err := r.figures.JSON(out, r.json, verdicts, more); err != nil {
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

func (r *runner) tellTable(out io.Writer, verdicts []compare.Verdict) error {
	return r.figures.Text(out, []string{"socket.io", "floor"}, verdicts, r.notes())
}

// tellMarkdown writes medians and targets as Markdown, for "Results" in
// docs/bench-signaling.md.
func (r *runner) tellMarkdown(out io.Writer, verdicts []compare.Verdict) error {
	var servers []string
	for _, k := range kinds() {
		if r.measures(k.name) {
			servers = append(servers, k.label)
		}
	}
	return r.figures.Markdown(out, r.rounds, servers, verdicts)
}

// notes says what the figures suffer from.
func (r *runner) notes() (notes []string) {
	if r.rounds < roundsThatCount {
		notes = append(notes, fmt.Sprintf("Of fewer than %d rounds: no measurement, only a look.", roundsThatCount))
	}
	if share, ok := r.figures.Least(rowShare); ok && share < busyShare {
		notes = append(notes, fmt.Sprintf("The machine was busy with something else: a server got %.0f %% of its processor only.", share))
	}
	if !r.programs.Pinned {
		notes = append(notes, "Server and clients share their processors: there is only one, or no taskset.")
	}
	return notes
}
