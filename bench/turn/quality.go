package turn

import "fmt"

// How much other programs may use during a measurement, in processors, and how late the
// clients may send, in microseconds.
const (
	mostOthers = 0.06
	mostLag    = 500
)

// quality counts measurements of poor quality.
type quality struct {
	all, disturbed, late int
}

func (q *quality) look(outcomes []outcome) {
	for _, o := range outcomes {
		q.all++
		if o.Others > mostOthers {
			q.disturbed++
		}
		if o.LagP99 > mostLag {
			q.late++
		}
	}
}

// notes returns what may have distorted the figures.
func (q *quality) notes() (notes []string) {
	if q.disturbed > 0 {
		notes = append(notes, fmt.Sprintf("In %d of %d measurements, even after trying again, other programs used more than %.0f %% of a processor.",
			q.disturbed, q.all, 100*mostOthers))
	}
	if q.late > 0 {
		notes = append(notes, fmt.Sprintf("In %d of %d measurements the clients sent 1 %% of the packets more than %d µs late, which adds to the latency.",
			q.late, q.all, mostLag))
	}
	return notes
}
