package signaling

import (
	"slices"
	"time"
)

// outgoing is one frame for a client that waits to be sent: a reply, a notice,
// an event or a ping.
type outgoing struct {
	payload []byte
	seq     uint64        // of an event; 0 = none
	readAt  time.Duration // when the message in it was read, since the server's start; 0 = it is no message
	message bool          // it counts against the limits of messages
	ping    bool          // a ping without payload, which the transport encodes
	notice  bool          // neither a reply nor an event
}

// isReply reports whether o answers a frame of the client.
func (o *outgoing) isReply() bool { return o.seq == 0 && !o.ping && !o.notice }

// isCharged reports whether o is charged to the connection's account. Events are
// charged to the session, which stores them.
func (o *outgoing) isCharged() bool { return o.seq == 0 && !o.ping }

// maxQueuedReplies is how many replies may wait for a client that reads none.
// Events are bounded by what the session stores.
const maxQueuedReplies = 256

// queue holds, in order, the frames that the transport has not taken yet. The
// zero value is empty.
type queue struct {
	frames  []outgoing // from head on
	head    int
	replies int
	pings   int
	// The messages that were not sent: those in the queue, and those that were
	// popped last.
	unsent, unsentBytes     int
	inFlight, inFlightBytes int
}

// push appends a frame. It returns false when there are too many replies.
func (q *queue) push(o outgoing) bool {
	switch {
	case o.ping:
		q.pings++
	case o.seq == 0:
		if q.replies >= maxQueuedReplies {
			return false
		}
		q.replies++
	case o.message:
		q.unsent++
		q.unsentBytes += len(o.payload)
	}
	q.frames = append(q.frames, o)
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
	switch {
	case o.ping:
		q.pings--
	case o.seq == 0:
		q.replies--
	case o.message:
		q.inFlight++
		q.inFlightBytes += len(o.payload)
	}
	switch {
	case q.head < len(q.frames):
	case cap(q.frames) > 64: // release what only a burst needed
		q.frames, q.head = nil, 0
	default:
		q.frames, q.head = q.frames[:0], 0
	}
	return o, true
}

// popReply removes the oldest reply, whatever is in front of it. ok is false
// when there is none.
func (q *queue) popReply() (o outgoing, ok bool) {
	for i := q.head; i < len(q.frames); i++ {
		if q.frames[i].isReply() {
			o = q.frames[i]
			q.frames = slices.Delete(q.frames, i, i+1)
			q.replies--
			return o, true
		}
	}
	return outgoing{}, false
}

// clearInFlight notes that everything that was popped has been sent.
func (q *queue) clearInFlight() {
	q.unsent -= q.inFlight
	q.unsentBytes -= q.inFlightBytes
	q.inFlight, q.inFlightBytes = 0, 0
}

// trim releases memory that only a burst needed.
func (q *queue) trim() {
	q.frames, q.head = trimmed(q.frames, q.head), 0
}

// replacePayload replaces the payload of the event seq, if it is still in the
// queue.
func (q *queue) replacePayload(seq uint64, payload []byte) {
	for i := len(q.frames) - 1; i >= q.head; i-- {
		if q.frames[i].seq == seq {
			q.frames[i].payload = payload
			return
		}
	}
}

// repliesAfter reports whether a reply waits behind the event seq.
func (q *queue) repliesAfter(seq uint64) bool {
	for i := len(q.frames) - 1; i >= q.head && q.frames[i].seq != seq; i-- {
		if q.frames[i].isReply() {
			return true
		}
	}
	return false
}

// dropEvents removes the events.
func (q *queue) dropEvents() {
	kept := q.frames[:0]
	for _, o := range q.frames[q.head:] {
		if o.seq == 0 {
			kept = append(kept, o)
		}
	}
	clear(q.frames[len(kept):])
	q.frames, q.head = kept, 0
	q.unsent, q.unsentBytes = q.inFlight, q.inFlightBytes
}
