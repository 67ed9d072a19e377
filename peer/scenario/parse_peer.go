package scenario

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"callbox/internal/nearest"
	"callbox/peer"
	"callbox/peer/impair"
	"callbox/peer/mediafile"
	"callbox/peer/pattern"
)

// part is a peer of the scenario.
type part struct {
	key      *yaml.Node // its name in the file
	name     string
	room     *room
	token    string        // "" = that of Options
	config   peer.Config   // without what differs in each run
	media    media         // of which each call gets sources of its own
	exitCode peer.ExitCode // with which each of its calls must end
}

// media says what a part sends.
type media struct {
	video, audio string // a word, or the path of a file
	codecs       []peer.Codec
	size         pattern.Size
	fps          int // 0 = that of the kind of video
	echo         bool
}

// defaultFPS is the rate of the test picture.
const defaultFPS = 15

// readPeer reads an entry of peers.
func (p *parser) readPeer(key, value *yaml.Node) {
	a := &part{
		key: key, name: key.Value, config: peer.Config{Name: key.Value, Duration: -1},
		media: media{video: "pattern", audio: "tone", codecs: []peer.Codec{peer.Opus, peer.PCMU}, size: pattern.Size{Width: 320, Height: 240}},
	}
	p.parts[a.name] = a
	p.order = append(p.order, a.name)
	p.scenario.parts = append(p.scenario.parts, a)
	known := fields{
		"room": func(n *yaml.Node) {
			if a.room = p.scenario.rooms[p.text(n)]; a.room == nil {
				p.faultf(n, "%q is not one of the rooms", n.Value)
			}
		},
		"token":           func(n *yaml.Node) { a.token = p.text(n) },
		"ice":             func(n *yaml.Node) { a.config.ICE = peer.ICEPolicy(p.word(n, "all", "host", "srflx", "relay")) },
		"turn_proto":      func(n *yaml.Node) { a.config.TURNProtocol = peer.TURNProtocol(p.word(n, "udp", "tcp", "tls")) },
		"network":         func(n *yaml.Node) { a.config.Impair = p.network(n, true) },
		"connect_timeout": func(n *yaml.Node) { a.config.ConnectTimeout = p.duration(n) },
		"expect":          func(n *yaml.Node) { a.config.Expect = p.expectations(n) },
		"exit_code":       func(n *yaml.Node) { a.exitCode = peer.ExitCode(p.count(n, 0, 130)) },
	}
	p.mediaFields(known, &a.media)
	p.mapping(value, "a peer", known)
	if a.media.echo {
		if a.media.video != "pattern" || a.media.audio != "tone" {
			p.faultf(key, "%s: echo replaces video and audio; leave them out", a.name)
		}
		a.config.Echo, a.media.video, a.media.audio = true, "none", "none"
	}
	if a.room == nil && len(p.scenario.rooms) == 1 {
		for _, r := range p.scenario.rooms {
			a.room = r
		}
	}
	if a.room == nil && len(p.faults) == 0 {
		p.faultf(key, "%s: say in which of the rooms it is, with room:", a.name)
	}
	if len(p.faults) == 0 {
		_, _, err := a.media.sources()
		p.fault(key, err)
	}
}

// mediaFields adds how to read what a peer sends.
func (p *parser) mediaFields(known fields, m *media) {
	known["video"] = func(n *yaml.Node) { m.video = p.wordOrFile(n, "pattern", "none") }
	known["audio"] = func(n *yaml.Node) { m.audio = p.wordOrFile(n, "tone", "speech", "beep", "silence", "none") }
	known["audio_codec"] = func(n *yaml.Node) {
		if p.word(n, "opus", "pcmu") == "pcmu" {
			m.codecs = []peer.Codec{peer.PCMU, peer.Opus}
		}
	}
	known["size"] = func(n *yaml.Node) {
		var err error
		m.size, err = pattern.ParseSize(p.text(n))
		p.fault(n, err)
	}
	known["fps"] = func(n *yaml.Node) { m.fps = p.count(n, peer.MinFPS, mediafile.MaxFPS) }
	known["echo"] = func(n *yaml.Node) { m.echo = p.word(n, "true", "false") == "true" }
}

// wordOrFile reads one of some words, or the name of a file, which is relative to the
// folder of the scenario.
func (p *parser) wordOrFile(n *yaml.Node, words ...string) string {
	text := p.text(n)
	switch {
	case text == "" || slices.Contains(words, text):
		return text
	case !mediafile.IsMedia(text):
		p.faultf(n, "%q is not %s, or a file (%s); did you mean %q?",
			text, strings.Join(words, ", "), strings.Join(mediafile.Extensions(), ", "), nearest.Word(text, words))
		return text
	case filepath.IsAbs(text):
		return text
	default:
		return filepath.Join(filepath.Dir(p.file), text)
	}
}

// sources returns new sources; nil = nothing of that kind.
func (m *media) sources() (video, audio peer.Source, err error) {
	switch {
	case m.video == "pattern" && m.audio == "beep":
		return peer.PatternWithBeeps(m.size, m.patternFPS(), m.codecs...)
	case m.audio == "beep":
		return nil, nil, errBeep
	case m.video == "pattern":
		video, err = peer.Pattern(m.size, m.patternFPS())
	case m.video != "none":
		video, err = mediafile.Video(m.video, mediafile.Options{FPS: m.fps})
	}
	if err != nil {
		return nil, nil, err
	}
	switch m.audio {
	case "tone":
		audio = peer.Tone(m.codecs...)
	case "speech":
		audio = peer.Speech(m.codecs...)
	case "silence":
		audio = peer.Silence(m.codecs...)
	case "none":
	default:
		audio, err = mediafile.Audio(m.audio)
	}
	return video, audio, err
}

// patternFPS returns the rate of the test picture.
func (m *media) patternFPS() int { return cmp.Or(m.fps, defaultFPS) }

// network reads what the network does to what a peer sends.
func (p *parser) network(n *yaml.Node, withSeed bool) impair.Config {
	var cfg impair.Config
	known := p.networkFields(&cfg)
	if !withSeed {
		delete(known, "seed")
	}
	p.mapping(n, "a network", known)
	return cfg
}

func (p *parser) networkFields(cfg *impair.Config) fields {
	share := func(value *float64) func(*yaml.Node) {
		return func(n *yaml.Node) {
			var err error
			*value, err = impair.ParseShare(p.text(n))
			p.fault(n, err)
		}
	}
	wait := func(value *time.Duration) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if *value = p.duration(n); *value > impair.MaxDelay {
				p.faultf(n, "%v is more than %v", *value, impair.MaxDelay)
			}
		}
	}
	return fields{
		"loss": share(&cfg.Loss), "duplicate": share(&cfg.Duplicate), "reorder": share(&cfg.Reorder),
		"delay": wait(&cfg.Delay), "jitter": wait(&cfg.Jitter),
		"rate": func(n *yaml.Node) {
			var err error
			cfg.Rate, err = impair.ParseRate(p.text(n))
			p.fault(n, err)
		},
		"seed": func(n *yaml.Node) { cfg.Seed = uint64(p.count(n, 0, 1<<31-1)) }, //nolint:gosec // not negative
	}
}

// expectations reads expectations: a text with commas, or a list of texts.
func (p *parser) expectations(n *yaml.Node) []peer.Expectation {
	var all []peer.Expectation
	for _, one := range p.list(n) {
		parsed, err := peer.ParseExpectations(p.text(one))
		p.fault(one, err)
		all = append(all, parsed...)
	}
	return all
}
