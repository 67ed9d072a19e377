package cert

import (
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"
)

// checkPeriod is the least time between two checks for a newer certificate.
const checkPeriod = time.Second

// refresher holds the certificate in use. It lets one handshake at a time, and at most one
// per checkPeriod, check for a newer one.
type refresher struct {
	current atomic.Pointer[tls.Certificate]

	mu sync.Mutex // held while checking; no handshake waits for it
	// mu guards the following.
	next time.Time
}

// get returns the certificate in use. If a check is due, it first replaces it by the one
// that look returns, unless that is nil.
func (r *refresher) get(look func(old *tls.Certificate) *tls.Certificate) *tls.Certificate {
	if r.mu.TryLock() {
		defer r.mu.Unlock()
		if now := time.Now(); !now.Before(r.next) {
			r.next = now.Add(checkPeriod)
			if found := look(r.current.Load()); found != nil {
				r.current.Store(found)
			}
		}
	}
	return r.current.Load()
}

// reload checks at once, and returns the new certificate; nil = the old one stays in use.
func (r *refresher) reload(look func(old *tls.Certificate) (*tls.Certificate, error)) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, err := look(r.current.Load())
	if found != nil {
		r.current.Store(found)
	}
	return found, err
}
