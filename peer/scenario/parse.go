package scenario

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"callbox/internal/nearest"
)

// Limits of a scenario.
const (
	MaxBytes   = 1 << 20 // of the file
	maxPeers   = 16
	maxSteps   = 1000
	maxFaults  = 20 // that are reported
	maxTime    = 24 * time.Hour
	maxFrames  = 1_000_000
	maxWordLen = 64
)

// oneRoom is the name of the room of a scenario that names none.
const oneRoom = "room"

// Scenario is a scenario without faults. It can be run more than once.
type Scenario struct {
	Name   string // stands in the reports
	Server string // "" = the file names none
	file   string
	rooms  map[string]*room
	parts  []*part // in the order of the file
	steps  []*step
}

// room is a room of the scenario.
type room struct {
	name  string // in the scenario
	exact string // on the server; "" = a fresh one for each run
}

// parser reads a scenario and collects its faults.
type parser struct {
	file     string
	faults   []error
	scenario *Scenario
	parts    map[string]*part
	order    []string // the names of parts, as in the file
	present  map[*part]bool
	joined   map[*part]bool // at any time
}

// Parse checks a scenario. file is its name for the reader: each fault, which the error
// joins, begins with it, the line and the column.
func Parse(file string, text []byte) (*Scenario, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%s: more than %d bytes", file, MaxBytes)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	p := &parser{
		file: file, scenario: &Scenario{file: file, rooms: make(map[string]*room)},
		parts: make(map[string]*part), present: make(map[*part]bool), joined: make(map[*part]bool),
	}
	if document.Kind == 0 {
		return nil, fmt.Errorf("%s: the file is empty", file)
	}
	p.document(document.Content[0])
	if len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	return p.scenario, nil
}

// document reads the sections, in the order in which they depend on each other.
func (p *parser) document(n *yaml.Node) {
	var rooms, peers, steps *yaml.Node
	p.mapping(n, "a scenario", fields{
		"scenario": func(n *yaml.Node) { p.scenario.Name = p.text(n) },
		"server":   func(n *yaml.Node) { p.scenario.Server = p.text(n) },
		"rooms":    func(n *yaml.Node) { rooms = n },
		"peers":    func(n *yaml.Node) { peers = n },
		"steps":    func(n *yaml.Node) { steps = n },
	})
	if len(p.faults) > 0 {
		return
	}
	if p.scenario.Name == "" {
		p.faultf(n, "the scenario has no name; write scenario: and what it shows")
	}
	if peers == nil || steps == nil {
		p.faultf(n, "a scenario needs peers and steps")
		return
	}
	p.readRooms(rooms)
	p.each(peers, "peers", maxPeers, p.readPeer)
	if len(p.faults) > 0 {
		return
	}
	p.readSteps(steps)
	for _, name := range p.order {
		if !p.joined[p.parts[name]] && len(p.faults) == 0 {
			p.faultf(p.parts[name].key, "%s never joins; add a step, or remove the peer", name)
		}
	}
}

func (p *parser) readRooms(n *yaml.Node) {
	if n == nil {
		p.scenario.rooms[oneRoom] = &room{name: oneRoom}
		return
	}
	p.each(n, "rooms", maxPeers, func(key, value *yaml.Node) {
		r := &room{name: key.Value}
		p.scenario.rooms[key.Value] = r
		p.mapping(value, "a room", fields{"name": func(n *yaml.Node) { r.exact = p.text(n) }})
	})
}

// fields says how to read the values of a mapping.
type fields map[string]func(*yaml.Node)

// mapping reads a mapping whose keys are known. what is it in words, such as "a peer".
func (p *parser) mapping(n *yaml.Node, what string, known fields) {
	p.pairs(n, what, func(key, value *yaml.Node) {
		if read, ok := known[key.Value]; ok {
			read(value)
			return
		}
		p.faultf(key, "%q: %s has no such entry; did you mean %q?", key.Value, what, nearest.Word(key.Value, slices.Sorted(maps.Keys(known))))
	})
}

// each reads a mapping whose keys are names, at most limit of them.
func (p *parser) each(n *yaml.Node, what string, limit int, read func(key, value *yaml.Node)) {
	if len(n.Content) == 0 {
		p.faultf(n, "%s: there are none", what)
		return
	}
	if len(n.Content)/2 > limit {
		p.faultf(n, "%s: there are more than %d", what, limit)
		return
	}
	p.pairs(n, what, func(key, value *yaml.Node) {
		if len(key.Value) == 0 || len(key.Value) > maxWordLen {
			p.faultf(key, "%q: a name has 1 to %d bytes", key.Value, maxWordLen)
			return
		}
		read(key, value)
	})
}

// pairs calls read with each entry of a mapping. Null is an empty one.
func (p *parser) pairs(n *yaml.Node, what string, read func(key, value *yaml.Node)) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.faultf(n, "%s: this must be a mapping: one \"name: value\" a line", what)
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			p.faultf(key, "%s: a name must be a word", what)
		case value.Kind == yaml.AliasNode:
			p.faultf(value, "%s: *%s: aliases cannot be used here", key.Value, value.Value)
		case seen[key.Value]:
			p.faultf(key, "%q is there twice", key.Value)
		default:
			seen[key.Value] = true
			read(key, value)
		}
	}
}

func (p *parser) faultf(n *yaml.Node, format string, args ...any) {
	if len(p.faults) < maxFaults {
		p.faults = append(p.faults, fmt.Errorf("%s:%d:%d: %w", p.file, n.Line, n.Column, fmt.Errorf(format, args...)))
	}
}

// fault adds err, which is about the word of n, if it is not nil.
func (p *parser) fault(n *yaml.Node, err error) {
	if err != nil {
		p.faultf(n, "%w", err)
	}
}

// text reads a text that is not empty.
func (p *parser) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" || n.Tag == "!!null" {
		p.faultf(n, "here must be a text")
		return ""
	}
	return n.Value
}

// word reads one of some words.
func (p *parser) word(n *yaml.Node, words ...string) string {
	text := p.text(n)
	if text != "" && !slices.Contains(words, text) {
		p.faultf(n, "%q is not %s; did you mean %q?", text, strings.Join(words, ", "), nearest.Word(text, words))
	}
	return text
}

// duration reads a duration that is longer than nothing.
func (p *parser) duration(n *yaml.Node) time.Duration {
	text := p.text(n)
	d, err := time.ParseDuration(text)
	if text != "" && (err != nil || d <= 0 || d > maxTime) {
		p.faultf(n, "%q is not a duration such as 3s or 500ms, up to %v", text, maxTime)
		return 0
	}
	return d
}

// count reads a number from low to high.
func (p *parser) count(n *yaml.Node, low, high int) int {
	text := p.text(n)
	number, err := strconv.Atoi(text)
	if text != "" && (err != nil || number < low || number > high) {
		p.faultf(n, "%q is not a number from %d to %d", text, low, high)
		return low
	}
	return number
}

// list reads one text, or a list of them.
func (p *parser) list(n *yaml.Node) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	if len(n.Content) == 0 {
		p.faultf(n, "the list is empty")
	}
	return n.Content
}
