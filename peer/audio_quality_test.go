package peer

import (
	"math"
	"testing"
)

func TestAudioQuality(t *testing.T) {
	t.Parallel()
	good := AudioInputs{DelayMS: 20, BurstR: 1, Bpl: g711Bpl}
	for name, c := range map[string]struct {
		change func(*AudioInputs)
		mos    float64
	}{
		"good":                {func(*AudioInputs) {}, 4.4},
		"1 % lost":            {func(in *AudioInputs) { in.LossPct = 1 }, 4.32},
		"10 % lost":           {func(in *AudioInputs) { in.LossPct = 10 }, 3.39},
		"10 % lost in bursts": {func(in *AudioInputs) { in.LossPct, in.BurstR = 10, 4 }, 3.06},
		"400 ms late":         {func(in *AudioInputs) { in.DelayMS = 400 }, 3.1},
		"nothing arrives":     {func(in *AudioInputs) { in.LossPct, in.DelayMS = 100, 1000 }, 1},
	} {
		in := good
		c.change(&in)
		if got := meanOpinion(in.rFactor()); math.Abs(got-c.mos) > 0.05 {
			t.Errorf("%s: %.3f, want %.2f", name, got, c.mos)
		}
	}
}

func TestAudioQualityIsUnknownWithoutInputs(t *testing.T) {
	t.Parallel()
	loss := 0.0
	path := &Path{RTTMS: &Distribution{Mean: 10}}
	full := Media{Kind: "audio", LossPct: &loss, JitterMS: &Distribution{}, burstRatio: 1}
	if got := estimateAudio(&full, path); got == nil || got.Inputs.DelayMS != 25 {
		t.Errorf("%+v", got)
	}
	for name, got := range map[string]*AudioQuality{
		"no path": estimateAudio(&full, nil), "no round trip": estimateAudio(&full, &Path{}),
		"nothing received": estimateAudio(&Media{Kind: "audio"}, path),
	} {
		if got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
