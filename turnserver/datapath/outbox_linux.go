package datapath

const (
	// maxDatagrams bounds how many datagrams are collected before they are sent.
	maxParts = 512
	// scratchBytes is the room for the headers that do not fit in front of a payload.
	scratchBytes = maxParts * 8
)

// outbox collects what an engine sends in a round, or what comes of one read from a
// stream, so that each socket sends its datagrams with one system call, and the writer of
// each stream is woken once. Datagrams from one socket to one destination keep their order.
type outbox struct {
	stats   *counters
	lanes   []lane
	runs    []run
	parts   []part
	streams []*Stream // with something new to write
	woke    bool      // a writer of one of them was woken since the engine has looked

	headers    [scratchBytes]byte
	headerUsed int

	sender sender
}

// sendQueue is what one socket sends: a list of batches, of which it has the first and the
// last index.
type lane struct {
	d           *descriptor
	first, last int32
}

// gsoBatch is one datagram, or several to the same destination that the kernel takes as one
// and splits (generic segmentation offload, UDP_SEGMENT): all of the same length, but for
// the last, which may be shorter.
type run struct {
	to          destination
	first, last int32 // datagrams
	count       int
	bytes       int
	segment     int
	ended       bool  // the last one was shorter: nothing may follow
	prev, next  int32 // batches of the same queue
}

// datagram is one datagram to send, as part of a batch.
type part struct {
	head, body []byte
	padding    int
	next       int32
}

func (p *part) length() int { return len(p.head) + len(p.body) + p.padding }

const none = -1

func (b *outbox) init(p *Path) {
	b.stats = &p.stats
	b.sender.init(&p.stats, !p.config.NoOffload && splits())
	b.lanes = make([]lane, 0, eventsAtOnce)
	b.runs = make([]run, 0, maxParts)
	b.parts = make([]part, 0, maxParts)
}

// full reports whether flush has to be called before anything can be added.
func (b *outbox) full() bool {
	return len(b.parts) == maxParts || len(b.headers)-b.headerUsed < maxHeader
}

func (b *outbox) scratch(n int) []byte {
	b.headerUsed += n
	return b.headers[b.headerUsed-n : b.headerUsed : b.headerUsed]
}

// toPeer collects a datagram from a relay to a peer.
func (b *outbox) toPeer(r *Relay, to *destination, body []byte) {
	if d, ok := r.port.(*descriptor); ok {
		b.add(d, to, nil, body, 0)
		return
	}
	b.stats.drop(r.port.send(to, nil, body, 0))
}

// toClient collects a message to a client.
func (b *outbox) toClient(c Client, head, body []byte, padding int) {
	switch c := c.(type) {
	case *udpClient:
		if d, ok := c.socket.port.(*descriptor); ok {
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
	l := b.lane(d)
	if l == nil {
		b.stats.drop(ClientGone)
		return
	}
	at := int32(len(b.parts)) //nolint:gosec // at most maxParts
	b.parts = append(b.parts, part{head: head, body: body, padding: padding, next: none})
	length := b.parts[at].length()
	if r := b.open(l, to); r != nil && r.takes(length, b.sender.maxSegment) {
		b.parts[r.last].next = at
		r.last = at
		r.count++
		r.bytes += length
		r.ended = length < r.segment
		return
	}
	n := int32(len(b.runs)) //nolint:gosec // at most maxParts
	b.runs = append(b.runs, run{to: *to, first: at, last: at, count: 1, bytes: length, segment: length, prev: l.last, next: none})
	if l.first == none {
		l.first = n
	} else {
		b.runs[l.last].next = n
	}
	l.last = n
}

// queueOf returns the queue of a socket, or nil when that is closed.
func (b *outbox) lane(d *descriptor) *lane {
	for i := len(b.lanes) - 1; i >= 0; i-- {
		if b.lanes[i].d == d {
			return &b.lanes[i]
		}
	}
	if !d.acquire() { // flush releases it
		return nil
	}
	b.lanes = append(b.lanes, lane{d: d, first: none, last: none})
	return &b.lanes[len(b.lanes)-1]
}

// lastBatch returns the last batch of a queue to a destination, or nil when none of the
// latest ones is.
func (b *outbox) open(l *lane, to *destination) *run {
	const looked = 16
	for i, n := l.last, 0; i != none && n < looked; i, n = b.runs[i].prev, n+1 {
		if r := &b.runs[i]; r.to.addr == to.addr && r.to.from == to.from {
			return r
		}
	}
	return nil
}

// fits reports whether a datagram may be added to the batch: only the last one may be
// shorter than the others, and the whole is one datagram to the kernel.
func (r *run) takes(length, maxSegment int) bool {
	const (
		maxCount = 64 // UDP_MAX_SEGMENTS
		maxBytes = 65000
	)
	return !r.ended && length > 0 && length <= r.segment && r.segment <= maxSegment &&
		r.count < maxCount && r.bytes+length <= maxBytes
}

// flush sends everything that was collected.
func (b *outbox) flush() {
	for i := range b.lanes {
		l := &b.lanes[i]
		b.sender.send(l.d.fd, b, l.first)
		l.d.release()
		l.d = nil
	}
	for i, s := range b.streams {
		b.woke = s.push() || b.woke
		b.streams[i] = nil
	}
	b.lanes, b.runs, b.parts, b.streams = b.lanes[:0], b.runs[:0], b.parts[:0], b.streams[:0]
	b.headerUsed = 0
}
