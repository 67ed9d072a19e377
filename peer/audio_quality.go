package peer

// AudioQuality estimates how people would rate the received audio.
type AudioQuality struct {
	MOSEstimate float64     `json:"mos_estimate"` // 1 (bad) to 4.5 (excellent)
	RFactor     float64     `json:"r_factor"`
	Model       string      `json:"model"`
	Inputs      AudioInputs `json:"inputs"`
}

// AudioInputs is what the estimate is made of.
type AudioInputs struct {
	// DelayMS is half the mean round trip, twice the mean jitter (for a jitter buffer, which this
	// peer does not have itself) and one packet of 20 ms.
	DelayMS float64 `json:"delay_ms"`
	LossPct float64 `json:"loss_pct"`
	// BurstR is 1 when packets are lost independently of each other, more when in bursts.
	BurstR float64 `json:"burst_r"`
	// Ie and Bpl describe the codec: its impairment without loss, and its robustness
	// against it. Those of G.711 with loss concealment (ITU-T G.113) are used for every
	// codec, because there are none for Opus.
	Ie  float64 `json:"ie"`
	Bpl float64 `json:"bpl"`
}

// eModel is the name of the model.
const eModel = "simplified E-model (ITU-T G.107)"

// Parameters of the E-model.
const (
	eModelBase   = 93.2 // the R factor without delay and loss
	g711Ie       = 0.0
	g711Bpl      = 25.1
	audioPackets = 20.0 // ms of audio in a packet
)

// estimateAudio estimates the quality of received audio; nil if what it depends on is not
// known.
func estimateAudio(m *Media, path *Path) *AudioQuality {
	if m.LossPct == nil || m.JitterMS == nil || path == nil || path.RTTMS == nil {
		return nil
	}
	in := AudioInputs{
		DelayMS: rounded(path.RTTMS.Mean/2 + 2*m.JitterMS.Mean + audioPackets),
		LossPct: rounded(*m.LossPct), BurstR: rounded(m.burstRatio), Ie: g711Ie, Bpl: g711Bpl,
	}
	r := in.rFactor()
	return &AudioQuality{MOSEstimate: rounded(meanOpinion(r)), RFactor: rounded(r), Model: eModel, Inputs: in}
}

// rFactor returns the transmission rating factor, 0 to 93.2.
func (in *AudioInputs) rFactor() float64 {
	delayed := 0.024 * in.DelayMS
	if in.DelayMS > 177.3 {
		delayed += 0.11 * (in.DelayMS - 177.3)
	}
	lossy := in.Ie + (95-in.Ie)*in.LossPct/(in.LossPct/in.BurstR+in.Bpl)
	return max(0, eModelBase-delayed-lossy)
}

// meanOpinion returns the mean opinion score of an R factor (ITU-T G.107, annex B).
func meanOpinion(r float64) float64 {
	return min(4.5, max(1, 1+0.035*r+7e-6*r*(r-60)*(100-r)))
}
