package signaling

import (
	"errors"
	"fmt"
	"io"

	"callbox/bench/compare"
)

// errWrong means that the figures cannot be right.
var errWrong = errors.New("the bench is wrong on this machine: the ratio of socket.io to ws is not the known one")

// The ratio of the messages that socket.io and ws relay per CPU second with window 2, and
// its tolerance.
const (
	knownRatio     = 0.69
	knownTolerance = 0.15
)

// busyShare is the least share of its processor, in percent, that a server gets under full
// load on a machine that does nothing else.
const busyShare = 90

// write writes all figures.
func (r *runner) write(out io.Writer) error {
	verdicts, sane := r.figures.judge(r.tls)
	if r.json != "" {
		more := map[string]any{"tls": r.tls, "pinned": r.programs.Pinned}
		if err := r.figures.JSON(out, r.json, verdicts, more); err != nil {
			return err
		}
	}
	write := r.writeTable
	if r.markdown {
		write = r.writeMarkdown
	}
	if r.json != "-" {
		if err := write(out, verdicts); err != nil {
			return err
		}
	}
	return sane
}

func (r *runner) writeTable(out io.Writer, verdicts []compare.Verdict) error {
	return r.figures.Text(out, []string{"socket.io", "floor"}, verdicts, r.notes())
}

// writeMarkdown writes medians and targets as Markdown, for "Results" in
// docs/bench-signaling.md.
func (r *runner) writeMarkdown(out io.Writer, verdicts []compare.Verdict) error {
	var servers []string
	for _, k := range kinds() {
		if r.measures(k.name) {
			servers = append(servers, k.label)
		}
	}
	return r.figures.Markdown(out, r.rounds, servers, verdicts)
}

// notes returns what may have distorted the figures.
func (r *runner) notes() (notes []string) {
	if r.rounds < roundsThatCount {
		notes = append(notes, fmt.Sprintf("Fewer than %d rounds: the medians are only a rough estimate.", roundsThatCount))
	}
	if share, ok := r.figures.Least(rowShare); ok && share < busyShare {
		notes = append(notes, fmt.Sprintf("Other programs were busy: a server got only %.0f %% of its processor.", share))
	}
	if !r.programs.Pinned {
		notes = append(notes, "Server and clients share their processors: there is only one, or no taskset.")
	}
	return notes
}
