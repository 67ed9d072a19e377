package client

import (
	"slices"
	"time"

	"callbox/signaling/protocol"
)

// Bounds of the outbox.
const (
	outboxRequests = 1024
	outboxBytes    = 4 << 20
	requestSize    = 64               // beside its data
	window         = 32               // requests on their way: the server keeps as many replies
	refusedFor     = 30 * time.Second // how long a refused request is repeated
)

// request is one that has no reply yet. Its fields are guarded by Client.mu.
type request struct {
	build   func(id uint64) protocol.Request
	size    int
	message bool // of no use to a server that has forgotten the session
	leave   bool

	id      uint64 // 0 until it is sent for the first time, and again when it was refused
	sent    bool   // on the present line
	refused time.Time
	reply   chan reply // has place for the one that comes
}

type reply struct {
	frame protocol.Frame
	err   error
}

func newRequest(build func(id uint64) protocol.Request) *request {
	return &request{build: build, size: requestSize, reply: make(chan reply, 1)}
}

// outbox holds the requests without a reply, in the order of the calls.
type outbox struct {
	requests []*request
	bytes    int
	lastID   uint64    // never goes back, so no reply can be taken for another's
	paused   time.Time // until when no request is sent
}

func (o *outbox) add(r *request) bool {
	if len(o.requests) >= outboxRequests || o.bytes+r.size > outboxBytes {
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

// withdraw forgets a request that nobody waits for any more, unless the
// server may know it: then it has to be repeated like any other.
func (o *outbox) withdraw(r *request) {
	if r.id == 0 {
		o.remove(r)
	}
}

// finish gives a request its reply.
func (o *outbox) finish(r *request, frame protocol.Frame, err error) {
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

// next returns the request to send: those that have an id come first, in its
// order, because ids rise. limit bounds how many are on their way; 0 = no bound.
func (o *outbox) next(limit int) *request {
	var repeat, fresh *request
	underway := 0
	for _, r := range o.requests {
		switch {
		case r.sent:
			underway++
		case r.id != 0 && (repeat == nil || r.id < repeat.id):
			repeat = r
		case r.id == 0 && fresh == nil:
			fresh = r
		}
	}
	if limit > 0 && underway >= limit {
		return nil
	}
	if repeat != nil {
		return repeat
	}
	return fresh
}

// encode marks a request as sent and returns its frame.
func (o *outbox) encode(r *request) []byte {
	if r.id == 0 {
		o.lastID++
		r.id = o.lastID
	}
	r.sent = true
	return protocol.Encode(r.build(r.id))
}

// refuse decides on an error reply: whether the request is repeated by itself.
func (o *outbox) refuse(r *request, fault protocol.Error, now time.Time) bool {
	if r.refused.IsZero() {
		r.refused = now
	}
	if now.Sub(r.refused) >= refusedFor {
		return false
	}
	switch fault.Code {
	case protocol.CodeQueueFull, protocol.CodeRateLimited, protocol.CodeClosing:
		if !fault.Retry {
			return false
		}
		r.id = 0 // the refusal was the reply to the old one
	case protocol.CodeUnknown:
	default:
		return false
	}
	r.sent = false
	if until := now.Add(max(fault.After.Duration(), minPause)); until.After(o.paused) {
		o.paused = until
	}
	return true
}

// repeat marks everything as not sent, for a new line.
func (o *outbox) repeat() {
	for _, r := range o.requests {
		r.sent = false
	}
	o.paused = time.Time{}
}

// lose fails the messages that a forgotten session took with it. The other
// requests are as good to a new one.
func (o *outbox) lose() {
	for _, r := range slices.Clone(o.requests) {
		if r.message {
			o.finish(r, nil, ErrLost)
			continue
		}
		r.id, r.sent = 0, false
	}
}

// tooLarge fails the largest request on its way: the server closed because
// of one, and would again.
func (o *outbox) tooLarge() {
	var largest *request
	for _, r := range o.requests {
		if r.sent && (largest == nil || r.size > largest.size) {
			largest = r
		}
	}
	if largest != nil {
		o.finish(largest, nil, protocol.Error{ID: largest.id, Code: protocol.CodeTooLarge, Message: "the frame is larger than the server accepts"})
	}
}

func (o *outbox) failAll(err error) {
	for _, r := range slices.Clone(o.requests) {
		o.finish(r, nil, err)
	}
}

// leaving returns the leave that the server may have carried out, nil = none.
func (o *outbox) leaving() *request {
	for _, r := range o.requests {
		if r.leave && r.id != 0 {
			return r
		}
	}
	return nil
}
