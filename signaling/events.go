package signaling

// eventKind says what an event is about.
type eventKind uint8

const (
	kindMembership eventKind = iota // a peer joined, or its seat became free
	kindMessage                     // from another peer
	kindAway                        // a peer is away
	kindBack                        // a peer is back
	kindReset                       // a peer is back, and lost what it had not confirmed
)

const (
	// maxServerEvents is how many events of the server's own are stored in
	// addition to the messages.
	maxServerEvents = 32
	// messageOverhead is the largest number of bytes that a message event has in
	// addition to the data and the sender's id.
	messageOverhead = len(`{"type":"message","seq":9007199254740991,"from":"","data":}`)
)

// storedEvent is an event that its receiver has not confirmed.
type storedEvent struct {
	payload []byte
	peer    *session // the peer that it is from or about; nil = none that could be told
	id      uint64   // of the sender's request, for an acknowledged message; 0 = none
	kind    eventKind
}

// eventOverhead is what a stored event takes in addition to its payload, in
// bytes: its slots in the lists of the session and the connection, and what is
// unused in these.
const eventOverhead = 160

// size returns how many bytes are held for k.
func (k *storedEvent) size() int { return cap(k.payload) + eventOverhead }

// events stores, in order, the events of one peer that it has not confirmed. The
// zero value is empty.
type events struct {
	list         []storedEvent // from head on
	head         int
	messages     int
	messageBytes int // of the messages
	serverEvents int // all that are not messages
	size         int // of all, as storedEvent.size counts
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

// serverEventsFull reports whether there is no room for one more event of the
// server's own. These may also use the slots that messages leave free, because
// in a large room many peers may come and go before the others have confirmed.
func (e *events) serverEventsFull(limits *Limits) bool {
	return limits.QueueEvents > 0 && e.serverEvents >= maxServerEvents && e.count() >= limits.QueueEvents+maxServerEvents
}

// dropOldest removes the oldest event.
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

// trim releases memory that only a burst needed.
func (e *events) trim() {
	e.list, e.head = trimmed(e.list, e.head), 0
}

// trimmed returns list from head on, in at most four times the memory that this
// needs.
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

// dropPayloads drops what the events say, and keeps what their senders must be
// told.
func (e *events) dropPayloads() {
	for i := range e.count() {
		e.at(i).payload = nil
	}
	e.messageBytes, e.size = 0, e.count()*eventOverhead
}

// clearIDs clears the request ids of sender's messages, whose ids start anew: it
// must not be told of old ones.
func (e *events) clearIDs(sender *session) {
	for i := range e.count() {
		if k := e.at(i); k.peer == sender {
			k.id = 0
		}
	}
}

// undelivered returns the ids of sender's acknowledged messages.
func (e *events) undelivered(sender *session) []uint64 {
	var ids []uint64
	for i := range e.count() {
		if k := e.at(i); k.peer == sender && k.kind == kindMessage && k.id != 0 {
			ids = append(ids, k.id)
		}
	}
	return ids
}

// maxReplies is how many replies are stored to be sent again.
const maxReplies = 32

// replies stores the last replies to one peer, in the order of their ids. The
// zero value is empty.
type replies struct {
	ring []storedReply
	head int // the oldest, once the ring is full
}

type storedReply struct {
	id    uint64
	frame []byte
}

// slot returns the slot for the reply to id, which must be larger than all ids
// before. It still holds the frame that was there.
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

// find returns the reply to id; nil = there is none, or it was not stored.
// evicted reports whether it may have been there.
func (r *replies) find(id uint64) (frame []byte, evicted bool) {
	for i := range r.ring {
		if r.ring[i].id == id {
			return r.ring[i].frame, false
		}
	}
	return nil, len(r.ring) == maxReplies && id < r.ring[r.head].id
}

// size returns how many bytes are held for the replies.
func (r *replies) size() (size int) {
	for i := range r.ring {
		size += cap(r.ring[i].frame)
	}
	return size
}

// clone copies the replies, so that no other connection's queue refers to them.
func (r *replies) clone() {
	for i := range r.ring {
		r.ring[i].frame = append([]byte(nil), r.ring[i].frame...)
	}
}
