package signaling

import (
	"cmp"
	"fmt"
)

// target is what callbox is meant to reach, beside another server or alone.
type target struct {
	row     string
	against string // another server
	beside  string // another row; with neither, callbox is judged alone
	limit   float64
	most    bool // limit is the most, not the least
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

// verdict is a target, compared with what was measured.
type verdict struct {
	Target   string  `json:"target"`
	Limit    float64 `json:"limit"`
	Most     bool    `json:"most"` // Limit is the most, not the least
	Measured float64 `json:"measured"`
	Reached  bool    `json:"reached"`
}

func (v *verdict) limit() string {
	if v.Most {
		return "<= " + number(v.Limit)
	}
	return ">= " + number(v.Limit)
}

func (v *verdict) word() string {
	if v.Reached {
		return "reached"
	}
	return "MISSED"
}

// judge compares what was measured with the targets, which are those over
// plain HTTP; the error says that nothing of it is to be believed.
func (f *figures) judge(tls bool) (verdicts []verdict, wrong error) {
	if tls {
		return nil, nil
	}
	for _, t := range targets() {
		measured, ok := f.get(t.row, "callbox")
		if !ok {
			continue
		}
		name := t.row
		if compare := cmp.Or(t.against, t.beside); compare != "" {
			other, ok := f.get(cmp.Or(t.beside, t.row), cmp.Or(t.against, "callbox"))
			if !ok || other == 0 {
				continue
			}
			measured /= other
			name += ", × " + compare
		}
		verdicts = append(verdicts, verdict{name, t.limit, t.most, measured, measured == t.limit || t.most == (measured < t.limit)})
	}
	socketio, ok := f.get(rowRelay, "socket.io")
	ws, ok2 := f.get(rowRelay, "ws")
	if !ok || !ok2 || ws == 0 {
		return verdicts, nil
	}
	if ratio := socketio / ws; ratio < knownRatio*(1-knownTolerance) || ratio > knownRatio*(1+knownTolerance) {
		return verdicts, fmt.Errorf("%w: %.2f, known is %.2f within %.0f %%", errWrong, ratio, knownRatio, knownTolerance*100)
	}
	return verdicts, nil
}
