package e2e

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"callbox/peer"
)

// aspect is one aspect of a call. Checks report what is wrong by aspect, so that
// a test can show that a fault in one is found, and nothing else.
type aspect string

const (
	connecting aspect = "connecting" // the peers have a connection
	path       aspect = "path"       // media takes the path that was asked for
	picture    aspect = "picture"    // the picture is the other peer's
	motion     aspect = "motion"     // the picture changes
	sound      aspect = "sound"      // the sound is the other peer's
	integrity  aspect = "integrity"  // every frame arrives as it was sent
	relayBytes aspect = "relayBytes" // the allocations have relayed all media
)

// findings is what checks have found to be wrong.
type findings map[aspect][]string

func (f findings) add(c aspect, format string, args ...any) {
	f[c] = append(f[c], fmt.Sprintf(format, args...))
}

func (f findings) String() string {
	var lines []string
	for _, c := range slices.Sorted(maps.Keys(f)) {
		lines = append(lines, fmt.Sprintf("%s: %s", c, strings.Join(f[c], "; ")))
	}
	return strings.Join(lines, "\n")
}

// expected is what a peer should receive, and how.
type expected struct {
	from      any    // who sends: a camera, or a bot
	transport string // "direct", or the transport to its relay: udp, tcp, tls
}

// bot says that a headless peer sends, as a camera says that a browser does.
type bot struct{}

const (
	toneTolerance   = 30.0  // Hz
	audible         = -70.0 // dB; silence is far below
	colourTolerance = 60.0
	minChanges      = 10 // pictures that differ from the previous one
	minNumbers      = 20 // barcodes, each with a higher number than the previous one
	minBotFrames    = 20
	minEnergy       = 1e-5
)

// observation is what probe.js has observed in a browser.
type observation struct {
	Samples, Changes, Width, Height int
	Colour                          [3]float64
	Codes, Steps, Backwards         int
	FirstNumber, LastNumber         int64
	ToneHz, ToneDB                  float64
	Fault                           string
	Connection, Local, Remote       string
	RelayProtocol, Relayed          string
	Sent, Received                  int64
	FramesEncoded, FramesDecoded    int
	AudioCodec, VideoCodec          string
}

// check compares what a browser received with want.
func (s *observation) check(want expected) findings {
	f := findings{}
	if s.Connection != "connected" {
		f.add(connecting, "connectionState is %q", s.Connection)
		return f
	}
	checkPath(f, want.transport, s.Local, s.RelayProtocol, s.Local == "relay" || s.Remote == "relay")
	hz := float64(peer.ToneHz)
	if other, ok := want.from.(camera); ok {
		hz = other.hz
		if d := other.distance(s.Colour); s.Samples == 0 || d > colourTolerance {
			f.add(picture, "the colour %.0f is %.0f away from the other peer's", s.Colour, d)
		}
		if s.Changes < minChanges {
			f.add(motion, "the picture changed %d times in %d samples", s.Changes, s.Samples)
		}
	} else {
		if s.Codes < minNumbers {
			f.add(picture, "%d of %d pictures had a barcode", s.Codes, s.Samples)
		}
		if s.Steps < minNumbers || s.Backwards > 0 {
			f.add(motion, "the barcode counted up %d times and down %d times, from %d to %d", s.Steps, s.Backwards, s.FirstNumber, s.LastNumber)
		}
	}
	if s.Fault != "" {
		f.add(sound, "cannot be analysed: %s", s.Fault)
	} else if s.ToneDB < audible || math.Abs(s.ToneHz-hz) > toneTolerance {
		f.add(sound, "the loudest frequency is %.0f Hz, at %.0f dB, want %.0f Hz", s.ToneHz, s.ToneDB, hz)
	}
	return f
}

func checkPath(f findings, transport, local, relayProtocol string, relayed bool) {
	if transport == "direct" {
		if relayed {
			f.add(path, "a direct call goes through a relay")
		}
		return
	}
	if local != "relay" || relayProtocol != transport {
		f.add(path, "the local candidate is %q over %q, want relay over %s", local, relayProtocol, transport)
	}
}

// checkReport compares the report of a bot with want.
func checkReport(r *peer.Report, want expected) findings {
	return checkReportWith(r, want, "audio/opus")
}

// checkReportWith is checkReport for a call with that codec for sound.
func checkReportWith(r *peer.Report, want expected, codec string) findings {
	f := findings{}
	if r.ExitCode == peer.NotJoined || r.ExitCode == peer.NotConnected || r.Path == nil {
		f.add(connecting, "exit code %d, %s", r.ExitCode, r.Reason)
		return f
	}
	local := r.Path.Local
	relayProtocol := ""
	if local.RelayProtocol != nil {
		relayProtocol = *local.RelayProtocol
	}
	checkPath(f, want.transport, local.Type, relayProtocol, r.Path.Type == peer.Relayed)
	_, fromBot := want.from.(bot)
	checkFrames(f, r.Received("video"), fromBot)
	checkSound(f, r.Received("audio"), codec, fromBot)
	return f
}

func checkFrames(f findings, video *peer.Media, fromBot bool) {
	if video == nil || video.Frames == nil {
		f.add(picture, "no video was received")
		return
	}
	frames := video.Frames
	distinct := value(frames.Received) - value(frames.Duplicates)
	if distinct < minBotFrames {
		f.add(motion, "%d different frames were received, want %d", distinct, minBotFrames)
	}
	if keys := value(video.KeyFramesDecoded); keys < 2 {
		f.add(picture, "%d key frames were decoded, want 2", keys)
	}
	if !fromBot {
		// The first key frame starts the video, the bot must have requested another.
		if value(video.PLI) < 1 {
			f.add(picture, "no key frame was requested with a PLI")
		}
		return
	}
	if frames.Intact == nil || *frames.Intact != value(frames.Received) || value(frames.Corrupt) != 0 || value(frames.MissingCount) != 0 {
		f.add(integrity, "of %d frames %d are intact, %d corrupt, %d missing",
			value(frames.Received), value(frames.Intact), value(frames.Corrupt), value(frames.MissingCount))
	}
}

func checkSound(f findings, audio *peer.Media, codec string, fromBot bool) {
	switch {
	case audio == nil || value(audio.Packets) == 0:
		f.add(sound, "no sound was received")
	case audio.Codec == nil || !strings.EqualFold(*audio.Codec, codec):
		f.add(sound, "the codec is %q, want %s", value(audio.Codec), codec)
	case value(audio.Energy) < minEnergy:
		f.add(sound, "the energy is %g, want %g", value(audio.Energy), minEnergy)
	case fromBot && (audio.ToneHz == nil || math.Abs(*audio.ToneHz-peer.ToneHz) > toneTolerance):
		f.add(sound, "the tone is %v Hz, want %v", value(audio.ToneHz), peer.ToneHz)
	}
}

// value returns what p points to, or the zero value if p is nil.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
