package client

import (
	"slices"
	"time"

	"callbox/signaling/protocol"
)

const (
	maxOutboxRequests = 1024
	maxOutboxBytes    = 4 << 20
	requestSize       = 64               // of a request without its data, in bytes
	maxInFlight       = 32               // requests sent and not answered: the server keeps as many replies
	retryFor          = 30 * time.Second // how long a refused request is repeated
)

// request is a request that has no reply yet. Client.mu guards its fields.
type request struct {
	build   func(id uint64) protocol.Request
	size    int
	message bool // it fails if the server forgets the session
	leave   bool

	id      uint64     // 0 until it is sent for the first time, and again after a refusal
	sent    bool       // on the current connection
	refused time.Time  // when it was first refused
	reply   chan reply // has room for the one reply
}

type reply struct {
	frame protocol.Frame
	err   error
}

func newRequest(build func(id uint64) protocol.Request) *request {
	return &request{build: build, size: requestSize, reply: make(chan reply, 1)}
}

// outbox holds the requests without a reply, in the order in which they were made.
type outbox struct {
	requests []*request
	bytes    int
	lastID   uint64    // never decreases, so that no reply is taken for that of another request
	paused   time.Time // until then no request is sent
}

func (o *outbox) add(r *request) bool {
	if len(o.requests) >= maxOutboxRequests || o.bytes+r.size > maxOutboxBytes {
		return false
	}
	o.requests = append(o.requests, r)
	o.bytes += r.size
	return true
}

func (o *outbox) remove(r *request) {
	if i := slices.Index(o.requests, r); i >= 0 {
		o.requests = slices.Delete(o.requests, i, i+1)
		o.bytes -= r.size
	}
}

// withdraw drops a request whose caller has stopped waiting, unless it has been
// sent: then the server may know it, and it must be repeated like any other.
func (o *outbox) withdraw(r *request) {
	if r.id == 0 {
		o.remove(r)
	}
}

// resolve removes a request and delivers its reply or error.
func (o *outbox) resolve(r *request, frame protocol.Frame, err error) {
	o.remove(r)
	r.reply <- reply{frame, err}
}

func (o *outbox) find(id uint64) *request {
	for _, r := range o.requests {
		if r.id == id {
			return r
		}
	}
	return nil
}

// next returns the request to send, or nil. Requests that already have an id
// come first, by id, because the ids on a connection must rise. limit bounds how
// many are in flight; 0 = no limit.
func (o *outbox) next(limit int) *request {
	var repeat, fresh *request
	inFlight := 0
	for _, r := range o.requests {
		switch {
		case r.sent:
			inFlight++
		case r.id != 0 && (repeat == nil || r.id < repeat.id):
			repeat = r
		case r.id == 0 && fresh == nil:
			fresh = r
		}
	}
	if limit > 0 && inFlight >= limit {
		return nil
	}
	if repeat != nil {
		return repeat
	}
	return fresh
}

// encode marks a request as sent, gives it an id if it has none, and returns its
// frame.
func (o *outbox) encode(r *request) []byte {
	if r.id == 0 {
		o.lastID++
		r.id = o.lastID
	}
	r.sent = true
	return protocol.Encode(r.build(r.id))
}

// mayRetry reports whether a request that was answered with an error is to be
// repeated, and if so prepares that.
func (o *outbox) mayRetry(r *request, fault protocol.Error, now time.Time) bool {
	if r.refused.IsZero() {
		r.refused = now
	}
	if now.Sub(r.refused) >= retryFor {
		return false
	}
	switch fault.Code {
	case protocol.CodeQueueFull, protocol.CodeRateLimited, protocol.CodeClosing:
		if !fault.Retry {
			return false
		}
		r.id = 0 // the old id has its reply: the refusal
	case protocol.CodeUnknown:
	default:
		return false
	}
	r.sent = false
	if until := now.Add(max(fault.After.Duration(), minRetryPause)); until.After(o.paused) {
		o.paused = until
	}
	return true
}

// markUnsent marks all requests as not sent, for a new connection.
func (o *outbox) markUnsent() {
	for _, r := range o.requests {
		r.sent = false
	}
	o.paused = time.Time{}
}

// failMessages fails the messages of a session that has ended. Requests of other
// kinds are kept, and sent in the next session.
func (o *outbox) failMessages() {
	for _, r := range slices.Clone(o.requests) {
		if r.message {
			o.resolve(r, nil, ErrLost)
			continue
		}
		r.id, r.sent = 0, false
	}
}

// failLargest fails the largest request in flight: the server closed the
// connection because a frame was too large, and would do so again.
func (o *outbox) failLargest() {
	var largest *request
	for _, r := range o.requests {
		if r.sent && (largest == nil || r.size > largest.size) {
			largest = r
		}
	}
	if largest != nil {
		o.resolve(largest, nil, protocol.Error{ID: largest.id, Code: protocol.CodeTooLarge, Message: "the frame is larger than the server accepts"})
	}
}

func (o *outbox) failAll(err error) {
	for _, r := range slices.Clone(o.requests) {
		o.resolve(r, nil, err)
	}
}

// pendingLeave returns a leave that was sent, so that the server may have carried
// it out; nil = none.
func (o *outbox) pendingLeave() *request {
	for _, r := range o.requests {
		if r.leave && r.id != 0 {
			return r
		}
	}
	return nil
}
