package signaling

import (
	"log/slog"
	"slices"
	"time"
)

// effects collects what is left to do after requests have been carried out and
// all locks are released: the connections that have something to send, and lines
// for the log. The owner calls apply last. The zero value is empty.
type effects struct {
	// readAt is when the frames being carried out were read, since the server's
	// start; 0 = it is set at the first use. apply resets it.
	readAt time.Duration

	first sendList // with events for other peers
	last  sendList // with replies only, which delay nobody else's call
	log   []logEntry
}

// sendList is a short list of connections, in order.
type sendList struct {
	few   [4]*connection // nil = already sent
	count int            // of few and more
	more  []*connection  // those that do not fit into few
}

// maxSpareList is how many slots of sendList.more are kept for the next use.
const maxSpareList = 1024

// logEntry is the log's line about a peer that ended.
type logEntry struct {
	logger     *slog.Logger
	attributes []any
}

// now returns when the frames being carried out were read.
func (fx *effects) now(s *Server) time.Duration {
	if fx.readAt == 0 {
		fx.readAt = s.uptime()
	}
	return fx.readAt
}

// send notes that c has something to send.
func (fx *effects) send(c *connection) { fx.first.add(c) }

// sendLast notes that c has only a reply to send. It is sent after everything
// else.
func (fx *effects) sendLast(c *connection) { fx.last.add(c) }

// willSend reports whether c is noted to have something to send.
func (fx *effects) willSend(c *connection) bool { return fx.first.has(c) || fx.last.has(c) }

// apply sends and logs everything, including what is added meanwhile. No lock
// may be held.
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

// add may add a connection twice. The second time there is nothing left to send.
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

// sendAll empties the list. Connections that are added meanwhile have their
// turn, too.
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
