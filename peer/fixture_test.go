package peer_test

import (
	"time"

	"callbox/peer/vp8"
)

// samples signals when a number of samples have been received.
type samples struct {
	want   int
	enough chan struct{}
}

func (s *samples) Samples(block []byte, _ time.Time) {
	if before := s.want; before > 0 {
		if s.want -= len(block); s.want <= 0 {
			close(s.enough)
		}
	}
}

// plainFrame is a key frame of one colour, without a barcode.
func plainFrame(n int) []byte {
	p := vp8.NewPicture(20, 15)
	for i := range p.Blocks {
		p.Blocks[i] = vp8.Color{Y: uint8(60 + n%100), Cb: 128, Cr: 128}
	}
	return vp8.AppendKeyFrame(nil, p)
}
