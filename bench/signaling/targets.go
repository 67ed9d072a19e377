package signaling

import (
	"fmt"

	"callbox/bench/compare"
)

// target is what callbox should reach, absolutely or compared with another figure.
type target struct {
	row     string
	against string // another server
	beside  string // another row; with neither, the limit is absolute
	limit   float64
	most    bool // limit is an upper limit, not a lower one
}

func targets() []target {
	all := []target{
		{row: rowRelay, against: "socket.io", limit: 2.3},
		{row: rowRelay, against: "floor", limit: 0.85},
		{row: rowRelay8, against: "socket.io", limit: 4},
		{row: rowP50, against: "socket.io", limit: 0.5, most: true},
		{row: rowP99, limit: 5000, most: true},
		{row: rowJoins, against: "socket.io", limit: 3.5},
		{row: rowStorm, limit: 1.1, most: true},
		{row: rowResume, limit: 3, most: true},
		{row: rowIdle, limit: 8, most: true},
		{row: rowSlow, beside: rowReading, limit: 1.25, most: true},
	}
	for _, flood := range floods() {
		all = append(all, target{row: fmt.Sprintf(rowFloodServed, flood), limit: 95})
	}
	return all
}

// judge compares the figures with the targets, which are for plain HTTP. It returns an
// error if the figures cannot be right.
func (f figures) judge(tls bool) (verdicts []compare.Verdict, wrong error) {
	if tls {
		return nil, nil
	}
	var all []compare.Target
	for _, t := range targets() {
		target := compare.Target{Row: t.row, Server: "callbox", Beside: t.beside, Limit: t.limit, Most: t.most}
		if t.against != "" {
			target.Against = []string{t.against}
		}
		all = append(all, target)
	}
	verdicts = f.Judge(all)
	socketio, ok := f.Get(rowRelay, "socket.io")
	ws, ok2 := f.Get(rowRelay, "ws")
	if !ok || !ok2 || ws == 0 {
		return verdicts, nil
	}
	if ratio := socketio / ws; ratio < knownRatio*(1-knownTolerance) || ratio > knownRatio*(1+knownTolerance) {
		return verdicts, fmt.Errorf("%w: it is %.2f, not %.2f ± %.0f %%", errWrong, ratio, knownRatio, knownTolerance*100)
	}
	return verdicts, nil
}
