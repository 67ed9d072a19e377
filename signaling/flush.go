package signaling

import (
	"log/slog"
	"slices"
	"time"
)

// flushes collects what is left to do when requests have been carried out and
// no lock is held any more: the connections that have something to send, and
// the log's lines. Its user calls flush last. The zero value is empty.
type flushes struct {
	// read is when what is carried out was read, since the server's start;
	// 0 = at the first use. flush resets it.
	read time.Duration

	few   [6]*connection
	count int
	many  map[*connection]struct{} // what few has no place for
	ends  []peerEnd
}

// peerEnd is the log's line for a peer.
type peerEnd struct {
	log        *slog.Logger
	attributes []any
}

func (f *flushes) now(s *Server) time.Duration {
	if f.read == 0 {
		f.read = s.uptime()
	}
	return f.read
}

func (f *flushes) add(c *connection) {
	if slices.Contains(f.few[:f.count], c) {
		return
	}
	if f.count < len(f.few) {
		f.few[f.count] = c
		f.count++
		return
	}
	if f.many == nil {
		f.many = make(map[*connection]struct{})
	}
	f.many[c] = struct{}{}
}

// has tells whether c has something to send since the last flush.
func (f *flushes) has(c *connection) bool {
	_, ok := f.many[c]
	return ok || slices.Contains(f.few[:f.count], c)
}

// flush does it, and what follows from it.
func (f *flushes) flush() {
	for f.count > 0 || len(f.many) > 0 {
		few, count, many := f.few, f.count, f.many
		f.few, f.count, f.many = [len(f.few)]*connection{}, 0, nil
		for _, c := range few[:count] {
			c.flush(f)
		}
		for c := range many {
			c.flush(f)
		}
	}
	for _, end := range f.ends {
		end.log.Info("peer ended", end.attributes...)
	}
	f.ends = nil
	f.read = 0
}
