package signaling

// kind says what a queued frame is, which decides how it counts.
type kind uint8

const (
	kindReply   kind = iota // answers the reader
	kindMessage             // from another peer
	kindEvent               // the server's own event
	kindPing                // asks the transport for a sign of life; the payload is the newest seq before it
)

// outgoing is one frame on its way to a client.
type outgoing struct {
	kind    kind
	payload []byte
}

// The places in a queue beyond those for messages.
const (
	eventPlaces = 32  // for the server's own events, which always fit
	replyPlaces = 256 // for replies, which a client that reads none piles up
)

// queue holds, in order, the frames that a transport has not taken yet. The
// zero value is empty.
type queue struct {
	frames  []outgoing // from head on
	head    int
	replies int
	events  int // messages and events
	bytes   int // of messages
	pings   int
}

// push appends a frame, or tells that the bound for its kind is reached.
func (q *queue) push(limits *Limits, k kind, payload []byte) bool {
	switch k {
	case kindReply:
		if q.replies >= replyPlaces {
			return false
		}
		q.replies++
	case kindMessage:
		if limits.QueueEvents > 0 && q.events >= limits.QueueEvents ||
			limits.QueueBytes > 0 && q.bytes+len(payload) > limits.QueueBytes {
			return false
		}
		q.events++
		q.bytes += len(payload)
	case kindEvent:
		if limits.QueueEvents > 0 && q.events >= limits.QueueEvents+eventPlaces {
			return false
		}
		q.events++
	case kindPing:
		q.pings++
	}
	q.frames = append(q.frames, outgoing{kind: k, payload: payload})
	return true
}

// pop removes the oldest frame.
func (q *queue) pop() (outgoing, bool) {
	if q.head == len(q.frames) {
		return outgoing{}, false
	}
	o := q.frames[q.head]
	q.frames[q.head] = outgoing{}
	q.head++
	switch o.kind {
	case kindReply:
		q.replies--
	case kindMessage:
		q.events--
		q.bytes -= len(o.payload)
	case kindEvent:
		q.events--
	case kindPing:
		q.pings--
	}
	switch {
	case q.head < len(q.frames):
	case cap(q.frames) > 8: // do not keep for ever what one burst needed
		q.frames, q.head = nil, 0
	default:
		q.frames, q.head = q.frames[:0], 0
	}
	return o, true
}

// delivery is a message that was queued for a peer under a promise to its
// sender.
type delivery struct {
	seq  uint64 // at the receiver
	from *seat
	id   uint64 // the sender's request
}

const (
	// maxUnconfirmed bounds the promises that are open at once for one
	// receiver. A client that answers pings stays far below it.
	maxUnconfirmed = 4096
	// confirmEvery is how many promises go out before a ping asks the client
	// how far it has read.
	confirmEvery = 64
)

// promises holds the deliveries to one peer that it has not confirmed, oldest
// first. The zero value is empty.
type promises struct {
	open    []delivery
	pending int // made since the last ping
}

func (p *promises) full() bool { return len(p.open) >= maxUnconfirmed }

func (p *promises) add(d delivery) {
	p.open = append(p.open, d)
	p.pending++
}

// confirm drops the deliveries up to and with seq.
func (p *promises) confirm(seq uint64) {
	n := 0
	for n < len(p.open) && p.open[n].seq <= seq {
		n++
	}
	switch {
	case n == len(p.open):
		p.open = nil
	case n > 0:
		p.open = append([]delivery(nil), p.open[n:]...)
	}
}

// undelivered returns, for each sender, the ids that are open.
func (p *promises) undelivered() map[*seat][]uint64 {
	if len(p.open) == 0 {
		return nil
	}
	ids := make(map[*seat][]uint64)
	for _, d := range p.open {
		ids[d.from] = append(ids[d.from], d.id)
	}
	return ids
}
