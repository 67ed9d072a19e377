package main

import (
	"cmp"
	"errors"

	"callbox/peer"
	"callbox/peer/mediafile"
	"callbox/peer/pattern"
)

// defaultPatternFPS is the rate of the test picture, in frames per second.
const defaultPatternFPS = 15

// peerMedia holds the flags of callbox peer that say what it sends.
type peerMedia struct {
	Video      string `default:"pattern" group:"Media:" help:"pattern: a test picture that the other bot can verify, with the frame number and the time as a barcode; a file: .ivf (VP8, VP9, AV1), .h264 or .webm, again and again; a recording of RTP packets: NAME.vp8.rtpdump, once; none: no video."`
	Audio      string `default:"tone" group:"Media:" help:"tone: a sine of 1 kHz; speech: noise with the spectrum and the rhythm of speech; beep: a beep of 0.1 s with one frame a second of the pattern; silence; a file: .ogg or .webm with Opus, or NAME.opus.rtpdump; none: no audio."`
	AudioCodec string `default:"opus" group:"Media:" help:"Codec to prefer for audio: opus or pcmu (G.711). The other one is used with a program that lacks it."`
	Size       string `default:"320x240" group:"Media:" help:"Width and height of the test picture in pixels, multiples of 16."`
	FPS        int    `name:"fps" placeholder:"RATE" group:"Media:" help:"Frames per second: of the test picture 1 to 60, by default 15; of an .h264 file, which does not say it, up to 240, by default 30."`
	Echo       bool   `group:"Media:" help:"Send back what arrives, instead of --video and --audio."`
}

// sources returns what is sent; nil = nothing of that kind.
func (m *peerMedia) sources(wrong *faults) (video, audio peer.Source) {
	codecs := m.audioCodecs(wrong)
	if m.Echo {
		if m.Video != "pattern" || m.Audio != "tone" {
			wrong.addf("--echo", "it replaces --video and --audio; leave them out")
		}
		return nil, nil
	}
	video, beeps := m.video(wrong, codecs)
	switch m.Audio {
	case "tone":
		audio = peer.Tone(codecs...)
	case "speech":
		audio = peer.Speech(codecs...)
	case "silence":
		audio = peer.Silence(codecs...)
	case "beep":
		audio = beeps
		if m.Video != "pattern" {
			wrong.addf("--audio", "beep belongs to frames of the pattern, and --video is %s", m.Video)
		}
	case "none":
	default:
		source, err := mediafile.Audio(m.Audio)
		audio = fileSource(wrong, "--audio", "tone, speech, beep, silence, none or a file", source, err)
	}
	return video, audio
}

// fileSource returns the source of a file, or nil after a fault.
func fileSource(wrong *faults, flag, possible string, source peer.Source, err error) peer.Source {
	switch {
	case err == nil:
		return source
	case errors.Is(err, mediafile.ErrFormat):
		wrong.addf(flag, "%w; possible are %s", err, possible)
	default:
		wrong.add(flag, err)
	}
	return nil
}

// audioCodecs returns the codecs for sound, the preferred one first.
func (m *peerMedia) audioCodecs(wrong *faults) []peer.Codec {
	switch m.AudioCodec {
	case "opus":
		return []peer.Codec{peer.Opus, peer.PCMU}
	case "pcmu":
		return []peer.Codec{peer.PCMU, peer.Opus}
	default:
		wrong.addf("--audio-codec", "%q is neither opus nor pcmu", m.AudioCodec)
		return nil
	}
}

// video returns the source of video, and that of the beeps that belong to the test picture;
// nil = send none.
func (m *peerMedia) video(wrong *faults, codecs []peer.Codec) (video, beeps peer.Source) {
	switch m.Video {
	case "none":
		return nil, nil
	case "pattern":
	default:
		source, err := mediafile.Video(m.Video, mediafile.Options{FPS: m.FPS})
		return fileSource(wrong, "--video", "pattern, none or a file", source, err), nil
	}
	size, err := pattern.ParseSize(m.Size)
	wrong.add("--size", err)
	fps := cmp.Or(m.FPS, defaultPatternFPS)
	if fps < peer.MinFPS || fps > peer.MaxFPS {
		wrong.addf("--fps", "%d is not between %d and %d", m.FPS, peer.MinFPS, peer.MaxFPS)
		return nil, nil
	}
	if err != nil {
		return nil, nil
	}
	if m.Audio != "beep" {
		video, err = peer.Pattern(size, fps)
	} else {
		video, beeps, err = peer.PatternWithBeeps(size, fps, codecs...)
	}
	wrong.add("--video", err)
	return video, beeps
}
