// Command generate writes the sounds that package opus embeds. It is a module of its own,
// so that the encoder is not a dependency of the program.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
	"github.com/thesyncim/gopus"

	"callbox/peer/sound"
)

const (
	rate       = 48000
	frame      = rate / 50 // 20 ms
	bitrate    = 32000
	beepFrames = 5 // sound.BeepTime
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIRECTORY")
		os.Exit(2) //nolint:forbidigo // main decides the exit code
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1) //nolint:forbidigo // main decides the exit code
	}
}

func generate(dir string) error {
	tone, err := loop(gopus.ApplicationLowDelay, sound.StandardTone(rate), 50)
	if err != nil {
		return err
	}
	silence, err := loop(gopus.ApplicationLowDelay, sound.Silence{}, 1)
	if err != nil {
		return err
	}
	speech, err := loop(gopus.ApplicationVoIP, sound.NewSpeech(rate), 50*sound.SpeechSeconds)
	if err != nil {
		return err
	}
	beeps, err := beeps()
	if err != nil {
		return err
	}
	for name, packets := range map[string][][]byte{
		"tone.ogg": tone, "silence.ogg": silence, "speech.ogg": speech, "beeps.ogg": beeps,
	} {
		if err := write(filepath.Join(dir, name), packets); err != nil {
			return err
		}
	}
	return nil
}

// loop encodes n frames of a sound that repeats after them. The decoder's state at the end
// of a loop is that at its beginning, nearly: it was encoded after itself.
func loop(application gopus.Application, s sound.Sound, n int) ([][]byte, error) {
	once := make([]int16, n*frame)
	s.Read(once)
	encoder, err := newEncoder(application)
	if err != nil {
		return nil, err
	}
	var packets [][]byte
	for len(packets) < max(2*n, 50) {
		at := len(packets) % n * frame
		packet, err := encoder.EncodeInt16Slice(once[at : at+frame])
		if err != nil {
			return nil, err
		}
		packets = append(packets, packet)
	}
	return packets[len(packets)-n:], nil
}

// beeps encodes each beep with silence before it. A beep has one packet more than its
// length, because the encoder is late.
func beeps() ([][]byte, error) {
	var packets [][]byte
	for number := range sound.BeepPitches {
		encoder, err := newEncoder(gopus.ApplicationLowDelay)
		if err != nil {
			return nil, err
		}
		block := make([]int16, (50+beepFrames+1)*frame)
		sound.Beep(rate, number).Read(block[50*frame : (50+beepFrames)*frame])
		for i := 0; i < len(block); i += frame {
			packet, err := encoder.EncodeInt16Slice(block[i : i+frame])
			if err != nil {
				return nil, err
			}
			if i >= 50*frame {
				packets = append(packets, packet)
			}
		}
	}
	return packets, nil
}

func newEncoder(application gopus.Application) (*gopus.Encoder, error) {
	encoder, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: rate, Channels: 1, Application: application})
	if err != nil {
		return nil, err
	}
	return encoder, encoder.SetBitrate(bitrate)
}

func write(name string, packets [][]byte) error {
	out, err := os.Create(name) //nolint:gosec // whoever runs it names the folder
	if err != nil {
		return err
	}
	// The number of the stream is chosen, so that the same file comes out each time.
	file, err := oggwriter.NewWriter(out, oggwriter.WithSampleRate(rate), oggwriter.WithChannelCount(1), oggwriter.WithSeekableOutput(out))
	if err != nil {
		return err
	}
	track, err := file.NewTrack(1, oggwriter.WithSerial(1))
	if err != nil {
		return err
	}
	for i, packet := range packets {
		p := &rtp.Packet{Header: rtp.Header{SSRC: 1, Timestamp: uint32(frame * i)}, Payload: packet}
		if err := track.WriteRTP(p); err != nil {
			return err
		}
	}
	return file.Close() // also closes out
}
