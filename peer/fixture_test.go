package peer_test

import (
	"callbox/peer"
	"callbox/peer/vp8"
)

// packets signals when a number of audio packets have been received.
type packets struct {
	want   int
	enough chan struct{}
}

func (s *packets) Frame(r peer.ReceivedFrame) {
	if r.Codec.Kind() == "audio" && s.want > 0 {
		if s.want--; s.want == 0 {
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
