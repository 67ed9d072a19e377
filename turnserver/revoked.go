package turnserver

import (
	"sync"
	"time"
)

const (
	// maxRevoked bounds the users whose credentials are refused at one time;
	// with more, the longest refused is forgotten.
	maxRevoked = 1 << 16
	// revokedFor is how long credentials are refused at least: some that this
	// server has not made, such as those of before a restart, are still good.
	revokedFor = time.Hour
)

// revocations are the users whose credentials are refused. The zero value is
// empty.
type revocations struct {
	mu     sync.Mutex
	users  map[string]time.Time // until when
	queue  []revocation         // what was put into users, in that order
	latest time.Time            // no credential of this server lasts longer
}

type revocation struct {
	user  string
	until time.Time
}

// minted notes the end of a new credential.
func (v *revocations) minted(expiry time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if expiry.After(v.latest) {
		v.latest = expiry
	}
}

// add refuses a user.
func (v *revocations) add(user string, now time.Time) {
	until := now.Add(revokedFor)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.latest.After(until) {
		until = v.latest
	}
	v.forget(now)
	v.put(user, until)
}

func (v *revocations) put(user string, until time.Time) {
	if v.users == nil {
		v.users = map[string]time.Time{}
	}
	v.users[user] = until
	v.queue = append(v.queue, revocation{user, until})
}

// forget takes out whose time is over, and who must make room for one more.
func (v *revocations) forget(now time.Time) {
	for len(v.queue) >= maxRevoked || len(v.queue) > 0 && !now.Before(v.queue[0].until) {
		first := v.queue[0]
		v.queue[0] = revocation{}
		v.queue = v.queue[1:]
		if v.users[first.user].Equal(first.until) { // else it was restored, or put in anew
			delete(v.users, first.user)
		}
	}
}

func (v *revocations) remove(user string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.users, user)
}

// refuses says whether a credential of the user, good until expiry, is refused.
func (v *revocations) refuses(user string, expiry, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	until, ok := v.users[user]
	if ok && expiry.After(until) { // others have made it
		v.forget(now)
		v.put(user, expiry)
	}
	return ok
}

func (v *revocations) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.users)
}
