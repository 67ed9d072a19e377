package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"callbox/internal/nearest"
	"callbox/peer"
	"callbox/peer/impair"
)

// defaultWithin is how long a step waits for what should happen.
const defaultWithin = 15 * time.Second

var errBeep = errors.New("beeps belong to frames of the pattern, and video is none")

// step is one entry of steps.
type step struct {
	line int
	text string // as in the file, in one line
	act  action
}

// action takes a step.
type action func(ctx context.Context, r *runner) error

// readSteps reads the list of steps. It follows who is in a room, so that a step of a peer
// that has not joined is a fault of the file.
func (p *parser) readSteps(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || len(n.Content) > maxSteps {
		p.faultf(n, "steps must be a list of 1 to %d steps", maxSteps)
		return
	}
	known := map[string]func(*yaml.Node) action{
		"join": p.join, "call": p.call, "wait": p.wait, "cut": p.cut, "restart_ice": p.restartICE,
		"mute": func(n *yaml.Node) action { return p.mute(n, true) }, "unmute": func(n *yaml.Node) action { return p.mute(n, false) },
		"network": p.changeNetwork, "chat": p.chat, "hang_up": p.hangUp, "expect": p.expect,
	}
	for _, entry := range n.Content {
		if entry.Kind != yaml.MappingNode || len(entry.Content) != 2 {
			p.faultf(entry, "%q: a step is one word with a colon, such as \"- wait: 3s\"", describe(entry))
			continue
		}
		word, value := entry.Content[0], entry.Content[1]
		read, ok := known[word.Value]
		switch {
		case !ok:
			p.faultf(word, "%q: there is no such step; did you mean %q?", word.Value, nearest.Word(word.Value, slices.Sorted(maps.Keys(known))))
		case value.Kind == yaml.AliasNode:
			p.faultf(value, "*%s: aliases cannot be used here", value.Value)
		default:
			p.scenario.steps = append(p.scenario.steps, &step{line: word.Line, text: word.Value + " " + describe(value), act: read(value)})
		}
	}
}

// describe returns a node in one line.
func describe(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return n.Value
	}
	var parts []string
	for i := 0; i < len(n.Content); i++ {
		if n.Kind == yaml.MappingNode && i+1 < len(n.Content) {
			parts = append(parts, n.Content[i].Value+": "+describe(n.Content[i+1]))
			i++
		} else {
			parts = append(parts, describe(n.Content[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// partNamed reads the name of a peer.
func (p *parser) partNamed(n *yaml.Node) *part {
	name := p.text(n)
	a := p.parts[name]
	if a == nil && name != "" {
		p.faultf(n, "%q is not one of the peers; did you mean %q?", name, nearest.Word(name, p.order))
	}
	return a
}

// inRoom reads the name of a peer that has joined before.
func (p *parser) inRoom(n *yaml.Node) *part {
	a := p.partNamed(n)
	if a != nil && !p.present[a] {
		p.faultf(n, "%s is not in a room at this step; it must join before", a.name)
	}
	return a
}

// targets reads whom a step is about: a peer, a list of peers, or a mapping with "peer" and
// the fields of this step.
func (p *parser) targets(n *yaml.Node, what string, more fields) []*part {
	var all []*part
	read := func(n *yaml.Node) {
		for _, one := range p.list(n) {
			all = append(all, p.inRoom(one))
		}
	}
	if n.Kind != yaml.MappingNode {
		read(n)
		return all
	}
	known := fields{"peer": read}
	maps.Copy(known, more)
	p.mapping(n, what, known)
	if len(all) == 0 {
		p.faultf(n, "%s: say which peer, with peer:", what)
	}
	return all
}

// within returns how to read the time limit of a step.
func (p *parser) within(limit *time.Duration) func(*yaml.Node) {
	*limit = defaultWithin
	return func(n *yaml.Node) { *limit = p.duration(n) }
}

func (p *parser) join(n *yaml.Node) action {
	var all []*part
	for _, one := range p.list(n) {
		a := p.partNamed(one)
		if a == nil {
			continue
		}
		if p.present[a] {
			p.faultf(one, "%s is in its room already; it can join again after hang_up", a.name)
		}
		p.present[a], p.joined[a] = true, true
		all = append(all, a)
	}
	return func(ctx context.Context, r *runner) error { return r.join(ctx, all) }
}

func (p *parser) call(n *yaml.Node) action {
	var all, absent []*part
	nodes := p.list(n)
	for _, one := range nodes {
		a := p.partNamed(one)
		if a == nil {
			return nil
		}
		if !p.present[a] {
			absent = append(absent, a)
		}
		p.present[a], p.joined[a] = true, true
		all = append(all, a)
	}
	if len(all) != 2 || all[0] == all[1] || all[0].room != all[1].room {
		p.faultf(n, "a call is between two peers of one room, such as [ann, bo]")
	}
	return func(ctx context.Context, r *runner) error { return r.call(ctx, all, absent) }
}

func (p *parser) wait(n *yaml.Node) action {
	if n.Kind == yaml.ScalarNode {
		d := p.duration(n)
		return func(ctx context.Context, _ *runner) error { return pause(ctx, d) }
	}
	var (
		limit  time.Duration
		frames int
		event  peer.EventKind
	)
	all := p.targets(n, "wait", fields{
		"within": p.within(&limit),
		"frames": func(n *yaml.Node) { frames = p.count(n, 1, maxFrames) },
		"event":  func(n *yaml.Node) { event = peer.EventKind(p.word(n, eventKinds()...)) },
	})
	if (frames == 0) == (event == "") {
		p.faultf(n, "wait: say for what: a time, frames: or event:")
	}
	return func(ctx context.Context, r *runner) error {
		if frames > 0 {
			return r.waitFrames(ctx, all, frames, limit)
		}
		return r.waitEvent(ctx, all, event, limit)
	}
}

// eventKinds returns the events that a step can wait for.
func eventKinds() []string {
	var all []string
	for _, kind := range []peer.EventKind{
		peer.EventJoined, peer.EventPeerSeen, peer.EventConnected, peer.EventFirstFrame, peer.EventDisconnected, peer.EventReconnected,
		peer.EventRebuild, peer.EventPeerLeft, peer.EventSignalingLost, peer.EventSignalingBack, peer.EventSafetyCode,
		peer.EventSafetyWarning, peer.EventRecording, peer.EventRecordingOver, peer.EventText, peer.EventFile, peer.EventFileRefused,
	} {
		all = append(all, string(kind))
	}
	return all
}

func (p *parser) cut(n *yaml.Node) action {
	var away time.Duration
	all := p.targets(n, "cut", fields{"for": func(n *yaml.Node) { away = p.duration(n) }})
	return func(_ context.Context, r *runner) error {
		for _, a := range all {
			r.members[a].gate.cut(away)
		}
		return nil
	}
}

func (p *parser) restartICE(n *yaml.Node) action {
	var limit time.Duration
	all := p.targets(n, "restart_ice", fields{"within": p.within(&limit)})
	return func(ctx context.Context, r *runner) error { return r.restartICE(ctx, all, limit) }
}

func (p *parser) mute(n *yaml.Node, muted bool) action {
	kinds := []string{"audio", "video"}
	all := p.targets(n, "mute", fields{"media": func(n *yaml.Node) { kinds = []string{p.word(n, "audio", "video")} }})
	for _, a := range all {
		if a != nil && (a.media.video == "none" && slices.Contains(kinds, "video") || a.media.audio == "none" && slices.Contains(kinds, "audio")) {
			p.faultf(n, "%s does not send %s; name what it sends with media:", a.name, strings.Join(kinds, " and "))
		}
	}
	return func(ctx context.Context, r *runner) error { return r.mute(ctx, all, kinds, muted) }
}

func (p *parser) changeNetwork(n *yaml.Node) action {
	var cfg impair.Config
	known := p.networkFields(&cfg)
	delete(known, "seed")
	if n.Kind != yaml.MappingNode {
		p.faultf(n, "network: write a mapping with peer: and what the network does, such as loss: 5%%")
		return nil
	}
	all := p.targets(n, "network", known)
	for _, a := range all {
		if a != nil {
			a.config.ChangeImpairment = true
		}
	}
	return func(_ context.Context, r *runner) error {
		for _, a := range all {
			if m := r.members[a]; m.call != nil {
				if err := m.call.Impair(cfg); err != nil {
					return fmt.Errorf("%s: %w", a.name, err)
				}
			}
		}
		return nil
	}
}

func (p *parser) chat(n *yaml.Node) action {
	var (
		from, to *part
		text     string
		limit    time.Duration
	)
	p.mapping(n, "chat", fields{
		"from": func(n *yaml.Node) { from = p.inRoom(n) }, "to": func(n *yaml.Node) { to = p.inRoom(n) },
		"text": func(n *yaml.Node) { text = p.text(n) }, "within": p.within(&limit),
	})
	if from == nil || to == nil || text == "" || from == to {
		p.faultf(n, "chat: say from: whom, to: whom, and the text:")
	}
	return func(ctx context.Context, r *runner) error { return r.chat(ctx, from, to, text, limit) }
}

func (p *parser) hangUp(n *yaml.Node) action {
	all := p.targets(n, "hang_up", nil)
	for _, a := range all {
		delete(p.present, a)
	}
	return func(_ context.Context, r *runner) error { return r.hangUp(all) }
}

// expect reads what is expected of each peer, in the order of the file.
func (p *parser) expect(n *yaml.Node) action {
	type one struct {
		part *part
		what []peer.Expectation
	}
	var all []one
	p.pairs(n, "expect", func(key, value *yaml.Node) {
		a := p.partNamed(key)
		if a != nil && !p.joined[a] {
			p.faultf(key, "%s has not joined before this step", a.name)
		}
		all = append(all, one{a, p.expectations(value)})
	})
	if len(all) == 0 {
		p.faultf(n, "expect: write a mapping from peers to what is expected, such as {ann: \"path=direct\"}")
	}
	return func(ctx context.Context, r *runner) error {
		var faults []error
		for _, e := range all {
			faults = append(faults, r.expect(ctx, e.part, e.what))
		}
		return errors.Join(faults...)
	}
}
