package impair_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"callbox/peer/impair"
)

func TestConfigNamesEveryFault(t *testing.T) {
	for word, cfg := range map[string]impair.Config{
		"loss":       {Loss: 1.5},
		"duplicates": {Duplicate: -0.1},
		"reordering": {Reorder: math.NaN()},
		"delay":      {Delay: time.Minute},
		"jitter":     {Jitter: -time.Second},
		"rate":       {Rate: 100},
	} {
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%+v: %v", cfg, err)
		}
		if _, err := impair.New(cfg, nil); err == nil {
			t.Errorf("a network of %+v", cfg)
		}
		if cfg.IsZero() {
			t.Errorf("%+v is not zero", cfg)
		}
	}
	good := impair.Config{Loss: 1, Duplicate: 1, Reorder: 1, Delay: impair.MaxDelay, Jitter: impair.MaxDelay, Rate: impair.MinRate}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	if !(impair.Config{Seed: 3}).IsZero() {
		t.Error("a seed alone changes nothing")
	}
}
