package impair_test

import (
	"testing"

	"callbox/peer/impair"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]float64{"": 0, "5%": 0.05, "0.5": 0.005, "100%": 1} {
		if got, err := impair.ParseShare(text); err != nil || got != want {
			t.Errorf("share %q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]int64{"": 0, "500k": 500_000, "2M": 2_000_000, "64000": 64_000, "0.5m": 500_000} {
		if got, err := impair.ParseRate(text); err != nil || got != want {
			t.Errorf("rate %q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"%", "-1%", "101%", "NaN", "five", "5%%"} {
		if got, err := impair.ParseShare(text); err == nil {
			t.Errorf("share %q: %v", text, got)
		}
	}
	for _, text := range []string{"k", "7k", "-500k", "NaN", "500kb", "1e30", "0"} {
		if got, err := impair.ParseRate(text); err == nil {
			t.Errorf("rate %q: %v", text, got)
		}
	}
}
