package peer

import (
	"errors"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer/impair"
)

// Impairment is what Config.Impair did to what this peer sent. It is counted until
// everything that was sent has left. After Call.Impair, the settings are the last ones, and
// the counts those of the whole call.
type Impairment struct {
	LossPct      float64          `json:"loss_pct"`
	DuplicatePct float64          `json:"duplicate_pct"`
	ReorderPct   float64          `json:"reorder_pct"`
	DelayMS      float64          `json:"delay_ms"`
	JitterMS     float64          `json:"jitter_ms"`
	Kbps         *float64         `json:"kbps"` // null = the rate is not limited
	Seed         uint64           `json:"seed"`
	Streams      []ImpairedStream `json:"streams"` // in the order in which they began
}

// ImpairedStream counts the datagrams of one stream, and the writes to TCP connections.
type ImpairedStream struct {
	Kind        string  `json:"kind"`         // rtp, rtcp, stun, dtls, data, tcp or other: see package impair
	Media       *string `json:"media"`        // of rtp: video or audio; null for what is not media of the last connection
	Retransmits *bool   `json:"retransmits"`  // of media: whether the stream is RTX (RFC 4588)
	SSRC        *uint32 `json:"ssrc"`         // of rtp
	PayloadType *uint8  `json:"payload_type"` // of rtp
	Packets     int64   `json:"packets"`      // that were to be sent
	Bytes       int64   `json:"bytes"`        // of these
	Lost        int64   `json:"lost"`
	Dropped     int64   `json:"dropped"` // because of the rate
	Dup         int64   `json:"dup"`
	Reordered   int64   `json:"reordered"`
	Resent      int64   `json:"resent"`    // over TCP: late, because the network lost the first
	Delivered   int64   `json:"delivered"` // with duplicates
	Failed      int64   `json:"failed"`    // the machine's network did not accept them
}

// openImpairment puts the network of Config.Impair in place of Config.Net.
func (c *Call) openImpairment() error {
	if c.cfg.Impair.IsZero() && !c.cfg.ChangeImpairment {
		return nil
	}
	n, err := impair.New(c.cfg.Impair, c.cfg.Net)
	if err != nil {
		return err
	}
	c.impaired, c.cfg.Net = n, n
	return nil
}

// ErrImpairmentFixed is the error of Impair in a call without Config.ChangeImpairment.
var ErrImpairmentFixed = errors.New("Config.ChangeImpairment is not set")

// Impair changes what happens to what this peer sends from now on; the zero value ends it.
// The seed stays that of Config.Impair. The error is ErrImpairmentFixed, or that of
// cfg.Check. It may be called at any time.
func (c *Call) Impair(cfg impair.Config) error {
	if c.impaired == nil || !c.cfg.ChangeImpairment {
		return ErrImpairmentFixed
	}
	return c.impaired.Change(cfg)
}

// closeImpairment waits until everything that was sent has left.
func (c *Call) closeImpairment() {
	if c.impaired != nil {
		_ = c.impaired.Close()
	}
}

// impairment returns what was counted until now; nil = nothing was impaired.
func (c *Call) impairment() *Impairment {
	if c.impaired == nil {
		return nil
	}
	cfg := c.impaired.Config()
	milliseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	i := &Impairment{
		LossPct: 100 * cfg.Loss, DuplicatePct: 100 * cfg.Duplicate, ReorderPct: 100 * cfg.Reorder,
		DelayMS: milliseconds(cfg.Delay), JitterMS: milliseconds(cfg.Jitter), Seed: cfg.Seed,
		Streams: []ImpairedStream{},
	}
	if cfg.Rate > 0 {
		rate := float64(cfg.Rate) / 1000
		i.Kbps = &rate
	}
	var sources map[uint32]source
	if c.partner != nil && c.partner.link != nil {
		sources = c.partner.link.sources()
	}
	for _, s := range c.impaired.Streams() {
		stream := ImpairedStream{
			Kind: string(s.Kind), Packets: s.Packets, Bytes: s.Bytes, Lost: s.Lost, Dropped: s.Dropped, Dup: s.Duplicated,
			Reordered: s.Reordered, Resent: s.Resent, Delivered: s.Delivered, Failed: s.Failed,
		}
		if s.Kind == impair.RTP {
			stream.SSRC, stream.PayloadType = &s.SSRC, &s.PayloadType
			if source, ok := sources[s.SSRC]; ok {
				stream.Media, stream.Retransmits = &source.kind, &source.rtx
			}
		}
		i.Streams = append(i.Streams, stream)
	}
	return i
}

// source is what a link sends under an SSRC.
type source struct {
	kind string
	rtx  bool
}

// sources returns what the link sends, by SSRC.
func (l *link) sources() map[uint32]source {
	all := make(map[uint32]source)
	for kind, t := range map[webrtc.RTPCodecType]*sentTrack{webrtc.RTPCodecTypeVideo: &l.video, webrtc.RTPCodecTypeAudio: &l.audio} {
		if t.sender == nil {
			continue
		}
		for _, e := range t.sender.GetParameters().Encodings {
			all[uint32(e.SSRC)] = source{kind.String(), false}
			if e.RTX.SSRC != 0 {
				all[uint32(e.RTX.SSRC)] = source{kind.String(), true}
			}
		}
	}
	return all
}
