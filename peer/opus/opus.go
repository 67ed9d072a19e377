// Package opus is what the headless peer needs of the Opus codec (RFC 6716): encoded sounds
// to send, and a decoder for what arrives.
//
// There is no encoder in the program. The sounds are Ogg files that the program in generate
// writes, and that are embedded.
//
// # Decoders
//
// Two decoders are written in Go: github.com/pion/opus v0.1.0 and github.com/thesyncim/gopus
// v0.1.1. Of each mode of Opus (SILK at 8 and 12 kbit/s, hybrid, CELT, stereo), 10 s that
// libopus encoded were decoded without an error by both. Compared with libopus's own decoder,
// the noise was 50 dB below the signal with pion/opus in SILK, 66 in hybrid and 83 or more in
// CELT, and with gopus 83 or more in each, which is rounding to 16 bits. A program that
// decodes becomes 0.75 MB larger with pion/opus and 1.4 MB with gopus. Energy and pitch of a
// test tone need much less than 50 dB, so this package uses pion/opus, the smaller one and by
// the authors of the other libraries of the peer.
package opus

import (
	"bytes"
	"embed"
	"fmt"
	"sync"
	"time"

	"github.com/pion/opus"

	"callbox/peer/ogg"
	"callbox/peer/sound"
)

//go:generate go -C generate run . ..

//go:embed tone.ogg silence.ogg speech.ogg beeps.ogg
var files embed.FS

// FrameTime is the length of each packet of the sounds.
const FrameTime = 20 * time.Millisecond

// beepPackets is the number of packets of a beep: one more than its length, because an
// encoder is late.
const beepPackets = int(sound.BeepTime/FrameTime) + 1

//nolint:gochecknoglobals // read once, then constant
var sounds = sync.OnceValue(func() map[string][][]byte {
	all := make(map[string][][]byte)
	for _, name := range []string{"tone", "silence", "speech", "beeps"} {
		all[name] = load(name + ".ogg")
	}
	return all
})

// Tone returns a loop of the tone of sound.StandardTone. The caller must not change it.
func Tone() [][]byte { return sounds()["tone"] }

// Silence returns a loop of silence. The caller must not change it.
func Silence() [][]byte { return sounds()["silence"] }

// Speech returns a loop of sound.Speech. The caller must not change it.
func Speech() [][]byte { return sounds()["speech"] }

// Beep returns the packets of a beep of sound.Beep, which is encoded after silence and is
// to be sent after silence. The caller must not change it.
func Beep(number int) [][]byte {
	from := number % sound.BeepPitches * beepPackets
	return sounds()["beeps"][from : from+beepPackets]
}

// load reads an embedded file. That it can be read, a test shows.
func load(name string) (packets [][]byte) {
	file, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	reader := ogg.NewReader(bytes.NewReader(file))
	for n := 0; ; n++ {
		packet, err := reader.Next()
		if err != nil {
			return packets
		}
		if n >= 2 { // after OpusHead and OpusTags (RFC 7845, section 3)
			packets = append(packets, bytes.Clone(packet))
		}
	}
}

// maxSamples is the length of the longest packet, 120 ms.
const maxSamples = sound.MeterRate * 120 / 1000

// Decoder decodes the packets of one stream to one channel at sound.MeterRate. It must not
// be used concurrently.
type Decoder struct {
	decoder opus.Decoder
	samples [maxSamples]int16
}

// NewDecoder returns a Decoder.
func NewDecoder() *Decoder {
	d := new(Decoder)
	if err := d.decoder.Init(sound.MeterRate, 1); err != nil {
		panic(err) // impossible: both numbers are allowed
	}
	return d
}

// Decode returns the samples of a packet, valid until the next call.
func (d *Decoder) Decode(packet []byte) ([]int16, error) {
	if _, err := Duration(packet); err != nil {
		return nil, err
	}
	n, err := d.decoder.DecodeToInt16(packet, d.samples[:])
	if err != nil {
		return nil, fmt.Errorf("an Opus packet cannot be decoded: %w", err)
	}
	return d.samples[:n], nil
}
