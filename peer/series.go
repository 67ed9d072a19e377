package peer

import (
	"math"
	"slices"
)

// maxSeries is the most measurements of one kind that are kept: the first hour at one a
// second.
const maxSeries = 3600

// series collects measurements in order. Measurements beyond its limit are ignored.
type series []float64

func (s *series) add(v float64) { s.addUpTo(maxSeries, v) }

func (s *series) addUpTo(limit int, v float64) {
	if len(*s) < limit {
		*s = append(*s, v)
	}
}

// distribution summarises the measurements, to three decimal places; nil if there are none.
func (s series) distribution() *Distribution {
	if len(s) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(s))
	sum := 0.0
	for _, v := range sorted {
		sum += v
	}
	rank := func(p int) float64 { return rounded(sorted[(len(sorted)*p+99)/100-1]) } // nearest rank
	return &Distribution{
		Min: rounded(sorted[0]), Mean: rounded(sum / float64(len(sorted))),
		P50: rank(50), P95: rank(95), Max: rounded(sorted[len(sorted)-1]),
	}
}

// rounded returns v to three decimal places.
func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }
