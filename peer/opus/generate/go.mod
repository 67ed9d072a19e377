module callbox/peer/opus/generate

go 1.26.0

require (
	callbox v0.0.0
	github.com/pion/rtp v1.10.6
	github.com/pion/webrtc/v4 v4.2.26
	github.com/thesyncim/gopus v0.1.1
)

require github.com/pion/randutil v0.1.0 // indirect

replace callbox => ../../..
