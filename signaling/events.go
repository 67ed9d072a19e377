package signaling

// kind says what an event tells.
type eventKind uint8

const (
	kindMembership eventKind = iota
	kindMessage              // from another peer
	kindAway                 // a peer is away
	kindBack                 // a peer is back
	kindReset                // a peer is back, and lost what it had not confirmed
)

const (
	// eventPlaces is how many of the server's own events are kept beside the
	// messages.
	maxServerEvents = 32
	// messageOverhead is how many bytes an event has beside the data and the
	// sender's id, at most.
	messageOverhead = len(`{"type":"message","seq":9007199254740991,"from":"","data":}`)
)

// kept is an event that its reader has not confirmed.
type storedEvent struct {
	payload []byte
	peer    *session // who it is from or about; nil = nobody that can be told
	id      uint64   // the sender's request, for a message under a promise; 0 = none
	kind    eventKind
}

// eventOverhead is what an event takes beside its payload, in bytes: its places
// in the lists of the session and the connection, and what is unused in them.
const eventOverhead = 160

// size returns how many bytes are kept for k.
func (k *storedEvent) size() int { return cap(k.payload) + eventOverhead }

// events holds, in order, the events of one peer that it has not confirmed.
// The zero value is empty.
type events struct {
	list         []storedEvent // from head on
	head         int
	messages     int
	messageBytes int // of the messages
	serverEvents int // the server's
	size         int // of all, as kept.size counts
}

func (e *events) count() int { return len(e.list) - e.head }

func (e *events) at(i int) *storedEvent { return &e.list[e.head+i] }

func (e *events) add(k storedEvent) {
	e.size += k.size()
	if k.kind == kindMessage {
		e.messages++
		e.messageBytes += len(k.payload)
	} else {
		e.serverEvents++
	}
	if e.head > 0 && len(e.list) == cap(e.list) { // move to the front rather than grow
		n := copy(e.list, e.list[e.head:])
		clear(e.list[n:])
		e.list, e.head = e.list[:n], 0
	}
	e.list = append(e.list, k)
}

// ownFull tells whether there is no place for one more event of the server's
// own. They may take those that messages leave free, for many may come and go
// in a large room before its peers have confirmed.
func (e *events) serverEventsFull(limits *Limits) bool {
	return limits.QueueEvents > 0 && e.serverEvents >= maxServerEvents && e.count() >= limits.QueueEvents+maxServerEvents
}

// drop removes the oldest.
func (e *events) dropOldest() {
	k := e.at(0)
	e.size -= k.size()
	if k.kind == kindMessage {
		e.messages--
		e.messageBytes -= len(k.payload)
	} else {
		e.serverEvents--
	}
	*k = storedEvent{}
	if e.head++; e.head == len(e.list) {
		e.list, e.head = e.list[:0], 0
	}
}

// trim gives back memory that only a burst needed.
func (e *events) trim() {
	e.list, e.head = trimmed(e.list, e.head), 0
}

// trimmed returns what list has from head on, in no more memory than four times
// that takes.
func trimmed[T any](list []T, head int) []T {
	const few = 16
	n := len(list) - head
	switch {
	case n == 0:
		return nil
	case cap(list) > max(few, 4*n):
		return append(make([]T, 0, n), list[head:]...)
	case head > 0:
		copy(list, list[head:])
		clear(list[n:])
	}
	return list[:n]
}

// dropPayloads keeps only who is to be told of what.
func (e *events) dropPayloads() {
	for i := range e.count() {
		e.at(i).payload = nil
	}
	e.messageBytes, e.size = 0, e.count()*eventOverhead
}

// disown forgets the promises to a peer whose ids begin anew.
func (e *events) clearIDs(sender *session) {
	for i := range e.count() {
		if k := e.at(i); k.peer == sender {
			k.id = 0
		}
	}
}

// undelivered returns the ids of sender's messages under a promise.
func (e *events) undelivered(sender *session) []uint64 {
	var ids []uint64
	for i := range e.count() {
		if k := e.at(i); k.peer == sender && k.kind == kindMessage && k.id != 0 {
			ids = append(ids, k.id)
		}
	}
	return ids
}

// repliesKept is how many replies are kept to be given again.
const maxReplies = 32

// replies holds the last replies of one peer, in the order of their ids. The
// zero value is empty.
type replies struct {
	ring []storedReply
	head int // the oldest, once the ring is full
}

type storedReply struct {
	id    uint64
	frame []byte
}

// next returns the place for the reply to id, which is larger than all before
// it, with the frame that was there.
func (r *replies) slot(id uint64) *storedReply {
	if len(r.ring) < maxReplies {
		r.ring = append(r.ring, storedReply{id: id})
		return &r.ring[len(r.ring)-1]
	}
	a := &r.ring[r.head]
	r.head = (r.head + 1) % maxReplies
	a.id = id
	return a
}

// find returns the reply to id; nil = it is not there, or was not kept.
// forgotten tells whether it may have been there.
func (r *replies) find(id uint64) (frame []byte, evicted bool) {
	for i := range r.ring {
		if r.ring[i].id == id {
			return r.ring[i].frame, false
		}
	}
	return nil, len(r.ring) == maxReplies && id < r.ring[r.head].id
}

// size returns how many bytes are kept for the replies.
func (r *replies) size() (size int) {
	for i := range r.ring {
		size += cap(r.ring[i].frame)
	}
	return size
}

// own copies the replies, so that nobody else has a hold of them.
func (r *replies) clone() {
	for i := range r.ring {
		r.ring[i].frame = append([]byte(nil), r.ring[i].frame...)
	}
}
