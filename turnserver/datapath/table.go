package datapath

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
)

// firstBuckets is how many buckets a new table has. It must be a power of two.
const firstBuckets = 256

// table is a map from transport addresses to values. get takes no lock: all engines call it
// for every datagram. put and remove, which are called once for each allocation, wait for
// one another.
type table[V any] struct {
	seed [2]uint64

	mu      sync.Mutex
	count   int
	buckets atomic.Pointer[[]atomic.Pointer[entry[V]]]
}

// entry is never changed once it can be reached.
type entry[V any] struct {
	key   netip.AddrPort
	value *V
	next  *entry[V]
}

func newTable[V any]() *table[V] {
	// The seed keeps clients from choosing addresses that share a bucket.
	t := &table[V]{seed: [2]uint64{rand.Uint64(), rand.Uint64()}} //nolint:gosec // seeded by the system
	buckets := make([]atomic.Pointer[entry[V]], firstBuckets)
	t.buckets.Store(&buckets)
	return t
}

func (t *table[V]) hash(key netip.AddrPort) uint64 {
	addr := key.Addr().As16()
	high, low := binary.LittleEndian.Uint64(addr[:8]), binary.LittleEndian.Uint64(addr[8:])
	a, b := bits.Mul64(low^t.seed[0], high^uint64(key.Port())<<16^t.seed[1])
	a, b = bits.Mul64(a^b^t.seed[1], t.seed[0]|1)
	return a ^ b
}

func (t *table[V]) bucket(buckets []atomic.Pointer[entry[V]], key netip.AddrPort) *atomic.Pointer[entry[V]] {
	return &buckets[t.hash(key)&uint64(len(buckets)-1)] //nolint:gosec // never empty
}

// get returns the value at key, nil when there is none.
func (t *table[V]) get(key netip.AddrPort) *V {
	buckets := *t.buckets.Load()
	for e := t.bucket(buckets, key).Load(); e != nil; e = e.next {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// put sets the value at key.
func (t *table[V]) put(key netip.AddrPort, value *V) {
	t.mu.Lock()
	defer t.mu.Unlock()
	buckets := *t.buckets.Load()
	bucket := t.bucket(buckets, key)
	head, found := without(bucket.Load(), key)
	bucket.Store(&entry[V]{key: key, value: value, next: head})
	if found {
		return
	}
	if t.count++; t.count > len(buckets) {
		t.grow(buckets)
	}
}

// remove removes the value at key unless it is another one by now, and reports whether it
// did.
func (t *table[V]) remove(key netip.AddrPort, value *V) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if value == nil || t.get(key) != value {
		return false
	}
	buckets := *t.buckets.Load()
	bucket := t.bucket(buckets, key)
	head, _ := without(bucket.Load(), key)
	bucket.Store(head)
	t.count--
	return true
}

// without returns a copy of the chain without key, and whether key was in it.
func without[V any](head *entry[V], key netip.AddrPort) (*entry[V], bool) {
	switch {
	case head == nil:
		return nil, false
	case head.key == key:
		return head.next, true
	}
	next, found := without(head.next, key)
	if !found {
		return head, false
	}
	return &entry[V]{key: head.key, value: head.value, next: next}, true
}

// grow doubles the buckets. Whoever reads the old ones meanwhile still finds what they had.
func (t *table[V]) grow(old []atomic.Pointer[entry[V]]) {
	buckets := make([]atomic.Pointer[entry[V]], 2*len(old))
	for i := range old {
		for e := old[i].Load(); e != nil; e = e.next {
			bucket := t.bucket(buckets, e.key)
			bucket.Store(&entry[V]{key: e.key, value: e.value, next: bucket.Load()})
		}
	}
	t.buckets.Store(&buckets)
}
