// Package logbound prevents strangers from flooding a log: it limits the rate of each
// kind of line, and counts the lines that it suppresses.
package logbound

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"callbox/internal/netaddr"
)

// The limits for each kind of line. Lines with the same message are of one kind.
const (
	sourceBurst, sourceEvery = 30, 10 * time.Second        // from one address
	kindBurst, kindEvery     = 200, 100 * time.Millisecond // from all together
	reportEvery              = time.Minute                 // how many lines were suppressed
	maxKinds                 = 1000
	maxSources               = 4096
)

// From returns an attribute value that marks a line as caused by the client at addr, so
// that the limit for one address applies. The address itself is never written; the name
// of the attribute does not matter.
func From(addr netip.Addr) slog.LogValuer { return source(netaddr.Client(addr)) }

// source is the address in a mark. To other handlers than [Handler] it is an empty group,
// which they omit.
type source netip.Addr

// LogValue implements slog.LogValuer.
func (source) LogValue() slog.Value { return slog.GroupValue() }

// Handler passes lines on, unless there are too many of their kind. Lines below
// slog.LevelInfo are not limited, because an operator who enables them wants all.
type Handler struct {
	next slog.Handler
	*state
}

// state is shared by a handler and those derived from it.
type state struct {
	root slog.Handler

	mu      sync.Mutex // guards the following
	kinds   map[string]*kind
	sources map[sourceKey]time.Time // when the next line is due at the average rate
	timer   *time.Timer             // nil = nothing was suppressed since the last report
	closed  bool
}

type kind struct {
	due        time.Time
	suppressed int // since the last report
}

type sourceKey struct {
	kind string
	addr source
}

// New returns a handler that passes lines on to next. The caller must call Close.
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
		if len(s.kinds) >= maxKinds { // no program has so many messages
			clear(s.kinds)
		}
		k = new(kind)
		s.kinds[record.Message] = k
	}
	key := sourceKey{record.Message, from}
	sourceDue := s.sources[key]
	if marked && !conforms(sourceDue, now, sourceBurst, sourceEvery) || !conforms(k.due, now, kindBurst, kindEvery) {
		k.suppressed++
		if s.timer == nil && !s.closed {
			s.timer = time.AfterFunc(reportEvery, s.reportSuppressed)
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

// forgetLocked makes room among the sources. It drops those that have used none of their
// burst, or else all, which only lets a few more lines through.
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

// reportSuppressed logs how many lines of each kind were suppressed.
func (s *state) reportSuppressed() {
	s.mu.Lock()
	suppressed := make(map[string]int)
	for message, k := range s.kinds {
		if k.suppressed > 0 {
			suppressed[message] = k.suppressed
			k.suppressed = 0
		}
	}
	s.timer = nil
	s.mu.Unlock()
	log := slog.New(s.root)
	for message, n := range suppressed {
		log.Warn("more lines like this were suppressed", "like", message, "lines", n)
	}
}

// Close logs how many lines were suppressed since the last report, and stops the timer.
// Later lines are still written.
func (h *Handler) Close() {
	h.mu.Lock()
	h.closed = true
	if h.timer != nil {
		h.timer.Stop()
	}
	h.mu.Unlock()
	h.reportSuppressed()
}
