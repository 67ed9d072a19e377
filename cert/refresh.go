package cert

import (
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"
)

// checkPeriod is how often at most a handshake looks for a newer certificate.
const checkPeriod = time.Second

// refresher keeps the certificate in use, and lets one handshake at a time,
// and none more often than checkPeriod, look for a newer one.
type refresher struct {
	current atomic.Pointer[tls.Certificate]

	mu sync.Mutex // held while looking; no handshake waits for it
	// mu guards the following.
	next time.Time
}

// get returns the certificate in use, after replacing it by what look returns
// when it is time to look. A nil certificate of look keeps the old one.
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

// reload looks at once, and returns the certificate that is new in use; nil
// when the old one stays.
func (r *refresher) reload(look func(old *tls.Certificate) (*tls.Certificate, error)) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, err := look(r.current.Load())
	if found != nil {
		r.current.Store(found)
	}
	return found, err
}
