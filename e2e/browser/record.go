package browser

import (
	"slices"
	"sync"
)

// record is what a page has been seen doing.
type record struct {
	mu         sync.Mutex
	complaints []string
	requests   []Request
	ids        map[string]int // the protocol's id of a request, to its place
}

func (r *record) complain(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.complaints) < limit {
		r.complaints = append(r.complaints, text)
	}
}

func (r *record) request(id, url string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.requests) >= limit {
		return
	}
	if r.ids == nil {
		r.ids = map[string]int{}
	}
	r.ids[id] = len(r.requests)
	r.requests = append(r.requests, Request{URL: url})
}

func (r *record) loaded(id string, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if place, ok := r.ids[id]; ok {
		r.requests[place].Bytes = bytes
	}
}

func (r *record) Complaints() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.complaints)
}

func (r *record) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}
