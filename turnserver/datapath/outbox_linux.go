package datapath

const (
	// maxDatagrams bounds how many datagrams are collected before they are sent.
	maxDatagrams = 512
	// scratchBytes is the room for the headers that do not fit in front of a payload.
	scratchBytes = maxDatagrams * 8
)

// outbox collects what an engine sends in a round, or what comes of one read from a
// stream, so that each socket sends its datagrams with one system call, and the writer of
// each stream is woken once. Datagrams from one socket to one destination keep their order.
type outbox struct {
	stats     *counters
	queues    []sendQueue
	batches   []gsoBatch
	datagrams []datagram
	streams   []*Stream // with something new to write
	woke      bool      // a writer of one of them was woken since the engine has looked

	headers    [scratchBytes]byte
	headerUsed int

	sender sender
}

// sendQueue is what one socket sends: a list of batches, of which it has the first and the
// last index.
type sendQueue struct {
	d           *descriptor
	first, last int32
}

// gsoBatch is one datagram, or several to the same destination that the kernel takes as one
// and splits (generic segmentation offload, UDP_SEGMENT): all of the same length, but for
// the last, which may be shorter.
type gsoBatch struct {
	to          destination
	first, last int32 // datagrams
	count       int
	bytes       int
	segment     int
	ended       bool  // the last one was shorter: nothing may follow
	prev, next  int32 // batches of the same queue
}

// datagram is one datagram to send, as part of a batch.
type datagram struct {
	head, body []byte
	padding    int
	next       int32
}

func (p *datagram) length() int { return len(p.head) + len(p.body) + p.padding }

const none = -1

func (b *outbox) init(p *Path) {
	b.stats = &p.stats
	b.sender.init(&p.stats, !p.config.NoOffload && hasGSO())
	b.queues = make([]sendQueue, 0, eventsAtOnce)
	b.batches = make([]gsoBatch, 0, maxDatagrams)
	b.datagrams = make([]datagram, 0, maxDatagrams)
}

// full reports whether flush has to be called before anything can be added.
func (b *outbox) full() bool {
	return len(b.datagrams) == maxDatagrams || len(b.headers)-b.headerUsed < maxHeader
}

func (b *outbox) scratch(n int) []byte {
	b.headerUsed += n
	return b.headers[b.headerUsed-n : b.headerUsed : b.headerUsed]
}

// toPeer collects a datagram from a relay to a peer.
func (b *outbox) toPeer(r *Relay, to *destination, body []byte) {
	if d, ok := r.conn.(*descriptor); ok {
		b.add(d, to, nil, body, 0)
		return
	}
	b.stats.drop(r.conn.send(to, nil, body, 0))
}

// toClient collects a message to a client.
func (b *outbox) toClient(c Client, head, body []byte, padding int) {
	switch c := c.(type) {
	case *udpClient:
		if d, ok := c.socket.conn.(*descriptor); ok {
			b.add(d, &c.to, head, body, padding)
			return
		}
	case *Stream:
		b.queue(c, head, body)
		return
	}
	b.stats.drop(c.send(head, body, padding))
}

func (b *outbox) queue(s *Stream, head, body []byte) {
	cause := s.queue(head, body)
	b.stats.drop(cause)
	if n := len(b.streams); cause == Sent && (n == 0 || b.streams[n-1] != s) {
		b.streams = append(b.streams, s)
	}
}

// add collects a datagram, whose bytes must stay unchanged until flush.
func (b *outbox) add(d *descriptor, to *destination, head, body []byte, padding int) {
	q := b.queueOf(d)
	if q == nil {
		b.stats.drop(ClientGone)
		return
	}
	at := int32(len(b.datagrams)) //nolint:gosec // at most maxDatagrams
	b.datagrams = append(b.datagrams, datagram{head: head, body: body, padding: padding, next: none})
	length := b.datagrams[at].length()
	if g := b.lastBatch(q, to); g != nil && g.fits(length, b.sender.maxSegment) {
		b.datagrams[g.last].next = at
		g.last = at
		g.count++
		g.bytes += length
		g.ended = length < g.segment
		return
	}
	n := int32(len(b.batches)) //nolint:gosec // at most maxDatagrams
	b.batches = append(b.batches, gsoBatch{to: *to, first: at, last: at, count: 1, bytes: length, segment: length, prev: q.last, next: none})
	if q.first == none {
		q.first = n
	} else {
		b.batches[q.last].next = n
	}
	q.last = n
}

// queueOf returns the queue of a socket, or nil when that is closed.
func (b *outbox) queueOf(d *descriptor) *sendQueue {
	for i := len(b.queues) - 1; i >= 0; i-- {
		if b.queues[i].d == d {
			return &b.queues[i]
		}
	}
	if !d.acquire() { // flush releases it
		return nil
	}
	b.queues = append(b.queues, sendQueue{d: d, first: none, last: none})
	return &b.queues[len(b.queues)-1]
}

// lastBatch returns the newest batch of a queue for a destination, or nil when none of the
// latest 16 is for it.
func (b *outbox) lastBatch(q *sendQueue, to *destination) *gsoBatch {
	const looked = 16
	for i, n := q.last, 0; i != none && n < looked; i, n = b.batches[i].prev, n+1 {
		if g := &b.batches[i]; g.to.addr == to.addr && g.to.from == to.from {
			return g
		}
	}
	return nil
}

// fits reports whether a datagram may be added to the batch: only the last one may be
// shorter than the others, and the whole is one datagram to the kernel.
func (g *gsoBatch) fits(length, maxSegment int) bool {
	const (
		maxCount = 64 // UDP_MAX_SEGMENTS
		maxBytes = 65000
	)
	return !g.ended && length > 0 && length <= g.segment && g.segment <= maxSegment &&
		g.count < maxCount && g.bytes+length <= maxBytes
}

// flush sends everything that was collected.
func (b *outbox) flush() {
	for i := range b.queues {
		q := &b.queues[i]
		b.sender.send(q.d.fd, b, q.first)
		q.d.release()
		q.d = nil
	}
	for i, s := range b.streams {
		b.woke = s.push() || b.woke
		b.streams[i] = nil
	}
	b.queues, b.batches, b.datagrams, b.streams = b.queues[:0], b.batches[:0], b.datagrams[:0], b.streams[:0]
	b.headerUsed = 0
}
