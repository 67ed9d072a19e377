package signaling

import (
	"log/slog"
	"slices"
	"time"
)

// flushes collects what is left to do when requests have been carried out and
// no lock is held any more: the connections that have something to send, and
// the log's lines. Its user calls flush last. The zero value is empty.
type effects struct {
	// read is when what is carried out was read, since the server's start;
	// 0 = at the first use. flush resets it.
	readAt time.Duration

	first sendList // who hears of others
	last  sendList // who is only answered: nobody's call waits for that
	log   []logEntry
}

// connections is a short list, in order.
type sendList struct {
	few   [4]*connection // nil = it was taken out
	count int            // of all
	more  []*connection  // what few has no place for
}

// maxMore is how many places are kept for the next time.
const maxSpareList = 1024

// peerEnd is the log's line for a peer.
type logEntry struct {
	logger     *slog.Logger
	attributes []any
}

func (fx *effects) now(s *Server) time.Duration {
	if fx.readAt == 0 {
		fx.readAt = s.uptime()
	}
	return fx.readAt
}

// add notes that c has something to send.
func (fx *effects) send(c *connection) { fx.first.add(c) }

// addAnswered notes that c has an answer to send. All others go before.
func (fx *effects) sendLast(c *connection) { fx.last.add(c) }

// has tells whether c has something to send since the last flush.
func (fx *effects) willSend(c *connection) bool { return fx.first.has(c) || fx.last.has(c) }

// flush does it, and what follows from it.
func (fx *effects) apply() {
	for fx.first.count+fx.last.count > 0 {
		fx.first.sendAll(fx)
		fx.last.sendAll(fx)
	}
	for _, entry := range fx.log {
		entry.logger.Info("peer ended", entry.attributes...)
	}
	fx.log = nil
	fx.readAt = 0
}

// add may add twice who is there: then there is nothing to send any more.
func (l *sendList) add(c *connection) {
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

func (l *sendList) has(c *connection) bool {
	return slices.Contains(l.few[:min(l.count, len(l.few))], c) || slices.Contains(l.more, c)
}

// flush empties the list. Who is added meanwhile has a turn, too.
func (l *sendList) sendAll(fx *effects) {
	for i := 0; i < l.count; i++ {
		at := &l.few[i%len(l.few)]
		if i >= len(l.few) {
			at = &l.more[i-len(l.few)]
		}
		c := *at
		*at = nil
		c.sendQueued(fx)
	}
	l.count = 0
	if l.more = l.more[:0]; cap(l.more) > maxSpareList {
		l.more = nil
	}
}
