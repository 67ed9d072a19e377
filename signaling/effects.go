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

	first connections // who hears of others
	last  connections // who is only answered: nobody's call waits for that
	ends  []peerEnd
}

// connections is a short list, in order.
type connections struct {
	few   [4]*connection // nil = it was taken out
	count int            // of all
	more  []*connection  // what few has no place for
}

// maxMore is how many places are kept for the next time.
const maxMore = 1024

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

// add notes that c has something to send.
func (f *flushes) add(c *connection) { f.first.add(c) }

// addAnswered notes that c has an answer to send. All others go before.
func (f *flushes) addAnswered(c *connection) { f.last.add(c) }

// has tells whether c has something to send since the last flush.
func (f *flushes) has(c *connection) bool { return f.first.has(c) || f.last.has(c) }

// flush does it, and what follows from it.
func (f *flushes) flush() {
	for f.first.count+f.last.count > 0 {
		f.first.flush(f)
		f.last.flush(f)
	}
	for _, end := range f.ends {
		end.log.Info("peer ended", end.attributes...)
	}
	f.ends = nil
	f.read = 0
}

// add may add twice who is there: then there is nothing to send any more.
func (l *connections) add(c *connection) {
	n := len(l.few)
	switch {
	case slices.Contains(l.few[:min(l.count, n)], c) || l.count > n && l.more[l.count-n-1] == c:
		return
	case l.count < n:
		l.few[l.count] = c
	default:
		l.more = append(l.more, c)
	}
	l.count++
}

func (l *connections) has(c *connection) bool {
	return slices.Contains(l.few[:min(l.count, len(l.few))], c) || slices.Contains(l.more, c)
}

// flush empties the list. Who is added meanwhile has a turn, too.
func (l *connections) flush(f *flushes) {
	for i := 0; i < l.count; i++ {
		at := &l.few[i%len(l.few)]
		if i >= len(l.few) {
			at = &l.more[i-len(l.few)]
		}
		c := *at
		*at = nil
		c.flush(f)
	}
	l.count = 0
	if l.more = l.more[:0]; cap(l.more) > maxMore {
		l.more = nil
	}
}
