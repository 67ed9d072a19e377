package main

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"

	"callbox/internal/budget"
	"callbox/internal/netaddr"
)

const (
	// fieldCost is the memory for a header field in addition to its bytes.
	fieldCost = 128
	// bodyCost is the most memory that reading the body of a request takes.
	bodyCost = 128 << 10
)

// requests limits the concurrent requests of each client address, which trusted
// proxies name, and the memory for their headers and bodies. All other memory is
// charged to their connections.
type requests struct {
	perAddress int // 0 = no limit
	memory     *budget.Memory
	client     func(*http.Request) netip.Addr

	tooMany, noMemory atomic.Uint64 // refused

	mu      sync.Mutex // guards the following
	running map[netip.Addr]int
}

func newRequests(perAddress int, memory *budget.Memory, client func(*http.Request) netip.Addr) *requests {
	return &requests{perAddress: perAddress, memory: memory, client: client, running: make(map[netip.Addr]int)}
}

// limit refuses requests beyond the limits, with a text that says why. A request lasts
// until its context ends: with HTTP/2, until the client has received the whole response.
func (q *requests) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := netaddr.Client(q.client(r))
		if !q.acquire(client) {
			q.tooMany.Add(1)
			refuseRequest(w, r, http.StatusTooManyRequests, "too many concurrent requests from your address; try again in a moment\n")
			return
		}
		cost := costOf(r)
		if !q.memory.Take(client, cost) {
			q.release(client)
			q.noMemory.Add(1)
			refuseRequest(w, r, http.StatusServiceUnavailable, "the server has no memory left for this request; try again in a moment\n")
			return
		}
		context.AfterFunc(r.Context(), func() {
			q.memory.Give(client, cost)
			q.release(client)
		})
		next.ServeHTTP(w, r)
	})
}

func (q *requests) acquire(client netip.Addr) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.perAddress > 0 && q.running[client] >= q.perAddress {
		return false
	}
	q.running[client]++
	return true
}

func (q *requests) release(client netip.Addr) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[client]--; q.running[client] <= 0 {
		delete(q.running, client)
	}
}

// costOf returns the memory that a request may take, in bytes.
func costOf(r *http.Request) int {
	cost := len(r.RequestURI)
	for name, values := range r.Header {
		for _, value := range values {
			cost += fieldCost + len(name) + len(value)
		}
	}
	if r.ContentLength != 0 {
		cost += bodyCost
	}
	return cost
}

// refuseRequest answers a refused request. Over HTTP/2 the answer has no body, because a
// client that grants no flow-control window would make it wait like any other response.
func refuseRequest(w http.ResponseWriter, r *http.Request, status int, text string) {
	w.Header().Set("Retry-After", "2")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.ProtoMajor > 1 {
		w.WriteHeader(status)
		return
	}
	plainText(w, status, text)
}
