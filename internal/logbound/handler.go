// Package logbound keeps strangers from filling a log: of each kind of line
// only so many are written, and what was left out is counted.
package logbound

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"callbox/internal/netaddr"
)

// The bounds, for each kind of line: a kind is the text of its message.
const (
	sourceBurst, sourceEvery = 30, 10 * time.Second        // of one address
	kindBurst, kindEvery     = 200, 100 * time.Millisecond // of all together
	tellEvery                = time.Minute                 // what was left out
	maxKinds                 = 1000
	maxSources               = 4096
)

// From returns a value that marks a line as the doing of the client at addr,
// which has a share of its own. The address itself is never written; the name
// of the attribute does not matter.
func From(addr netip.Addr) slog.LogValuer { return source(netaddr.Client(addr)) }

// source is the address in a mark. Without a [Handler] it is an empty group,
// which nobody writes.
type source netip.Addr

// LogValue implements slog.LogValuer.
func (source) LogValue() slog.Value { return slog.GroupValue() }

// Handler passes lines on as long as there are not too many of their kind.
// Those below slog.LevelInfo are not bounded: whoever asks for them wants all.
type Handler struct {
	next slog.Handler
	*state
}

// state is what a handler and those made from it share.
type state struct {
	root slog.Handler

	mu      sync.Mutex // guards the following
	kinds   map[string]*kind
	sources map[sourceKey]time.Time // when the next line is due at the average rate
	timer   *time.Timer             // nil = nothing was left out since the last time
	closed  bool
}

type kind struct {
	due  time.Time
	left int // out, since that was told last
}

type sourceKey struct {
	kind string
	addr source
}

// New returns a handler before next. Close ends it.
func New(next slog.Handler) *Handler {
	return &Handler{next, &state{root: next, kinds: make(map[string]*kind), sources: make(map[sourceKey]time.Time)}}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{h.next.WithAttrs(attrs), h.state}
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.next.WithGroup(name), h.state}
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, record slog.Record) error {
	if record.Level >= slog.LevelInfo && !h.allow(record) {
		return nil
	}
	return h.next.Handle(ctx, record)
}

// allow reports whether a line may be written, and counts it.
func (s *state) allow(record slog.Record) bool {
	from, marked := source{}, false
	record.Attrs(func(a slog.Attr) bool {
		if addr, ok := a.Value.Any().(source); ok {
			from, marked = addr, true
		}
		return !marked
	})
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kinds[record.Message]
	if k == nil {
		if len(s.kinds) >= maxKinds { // nobody's messages are so many
			clear(s.kinds)
		}
		k = new(kind)
		s.kinds[record.Message] = k
	}
	key := sourceKey{record.Message, from}
	sourceDue := s.sources[key]
	if marked && !conforms(sourceDue, now, sourceBurst, sourceEvery) || !conforms(k.due, now, kindBurst, kindEvery) {
		k.left++
		if s.timer == nil && !s.closed {
			s.timer = time.AfterFunc(tellEvery, s.tell)
		}
		return false
	}
	k.due = next(k.due, now, kindEvery)
	if marked {
		if len(s.sources) >= maxSources {
			s.forgetLocked(now)
		}
		s.sources[key] = next(sourceDue, now, sourceEvery)
	}
	return true
}

// conforms and next are the generic cell rate algorithm (ITU-T I.371).
func conforms(due, now time.Time, burst int, every time.Duration) bool {
	return !due.After(now.Add(every * time.Duration(burst-1)))
}

func next(due, now time.Time, every time.Duration) time.Time {
	if due.Before(now) {
		due = now
	}
	return due.Add(every)
}

// forgetLocked makes room among the sources: of those that are as good as new,
// or else of all, which only lets a few more lines through.
func (s *state) forgetLocked(now time.Time) {
	for key, due := range s.sources {
		if !due.After(now) {
			delete(s.sources, key)
		}
	}
	if len(s.sources) >= maxSources {
		clear(s.sources)
	}
}

// tell writes how many lines of each kind were left out.
func (s *state) tell() {
	s.mu.Lock()
	left := make(map[string]int)
	for message, k := range s.kinds {
		if k.left > 0 {
			left[message] = k.left
			k.left = 0
		}
	}
	s.timer = nil
	s.mu.Unlock()
	log := slog.New(s.root)
	for message, n := range left {
		log.Warn("more lines like this were suppressed", "like", message, "lines", n)
	}
}

// Close tells what was left out last, and ends the handler's timer. Later lines
// are still written.
func (h *Handler) Close() {
	h.mu.Lock()
	h.closed = true
	if h.timer != nil {
		h.timer.Stop()
	}
	h.mu.Unlock()
	h.tell()
}
