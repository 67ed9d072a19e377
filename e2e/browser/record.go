package browser

import (
	"slices"
	"sync"
)

// record records the errors and requests of a page.
type record struct {
	mu       sync.Mutex
	errors   []string
	requests []Request
	ids      map[string]int // indices in requests, by the protocol's ids
}

func (r *record) addError(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.errors) < limit {
		r.errors = append(r.errors, text)
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
	if i, ok := r.ids[id]; ok {
		r.requests[i].Bytes = bytes
	}
}

func (r *record) Errors() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.errors)
}

func (r *record) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}
