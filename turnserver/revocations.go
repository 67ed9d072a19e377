package turnserver

import (
	"errors"
	"maps"
	"sync"
	"time"
)

const (
	// maxRevoked bounds how many users each list of revocations has at one time.
	maxRevoked = 1 << 16
	// revokedFor is how long credentials are refused at least: some that this server does
	// not know of, such as those made before a restart, may still be valid.
	revokedFor = time.Hour
)

// ErrTooManyRevoked is the error of [Server.Revoke] when as many users are revoked as the server
// can remember.
var ErrTooManyRevoked = errors.New("too many users are revoked")

// revocations are the users whose credentials are refused: those that an operator has revoked, and
// those that were suspended because they have left. The two are separate, because anybody can leave
// and come back as often as they like: what strangers do must neither undo nor push out what an
// operator has decided. The zero value is empty.
type revocations struct {
	mu      sync.Mutex
	revoked map[string]time.Time // by an operator, until when
	left    departed
	latest  time.Time // no credential of this server lasts longer
}

// minted must be called with the expiry of each new credential.
func (v *revocations) minted(expiry time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if expiry.After(v.latest) {
		v.latest = expiry
	}
}

// until returns when every credential that is valid now will have expired. It must be called with
// mu held.
func (v *revocations) until(now time.Time) time.Time {
	until := now.Add(revokedFor)
	if v.latest.After(until) {
		until = v.latest
	}
	return until
}

// suspend refuses a user until restore.
func (v *revocations) suspend(user string, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left.forget(now)
	v.left.put(user, v.until(now))
}

// restore ends a suspension, but not a revocation.
func (v *revocations) restore(user string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.left.users, user)
}

// revoke refuses a user. Nothing ends that before its time is over.
func (v *revocations) revoke(user string, now time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, again := v.revoked[user]; !again && len(v.revoked) >= maxRevoked {
		if v.forget(now); len(v.revoked) >= maxRevoked {
			return ErrTooManyRevoked
		}
	}
	v.set(user, v.until(now))
	return nil
}

// set must be called with mu held.
func (v *revocations) set(user string, until time.Time) {
	if v.revoked == nil {
		v.revoked = map[string]time.Time{}
	}
	v.revoked[user] = until
}

// forget removes the revocations whose time is over. It must be called with mu held.
func (v *revocations) forget(now time.Time) {
	maps.DeleteFunc(v.revoked, func(_ string, until time.Time) bool { return !now.Before(until) })
}

// refuses reports whether a credential of the user that is valid until expiry is refused. If others
// have made a credential that is valid for longer than the refusal, the refusal is extended.
func (v *revocations) refuses(user string, expiry, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	revokedUntil, revoked := v.revoked[user]
	leftUntil, left := v.left.users[user]
	revoked = revoked && now.Before(revokedUntil)
	if revoked && expiry.After(revokedUntil) {
		v.set(user, expiry)
	}
	if left && expiry.After(leftUntil) {
		v.left.forget(now)
		v.left.put(user, expiry)
	}
	return revoked || left
}

// count returns how many users are refused.
func (v *revocations) count(now time.Time) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forget(now)
	n := len(v.left.users)
	for user := range v.revoked {
		if _, left := v.left.users[user]; !left {
			n++
		}
	}
	return n
}

// departed are users who have left. When there are more than maxRevoked, the one who left first is
// forgotten.
type departed struct {
	users map[string]time.Time // until when they are refused
	queue []departedUser       // the entries of users in the order of put
}

type departedUser struct {
	user  string
	until time.Time
}

func (d *departed) put(user string, until time.Time) {
	if d.users == nil {
		d.users = map[string]time.Time{}
	}
	d.users[user] = until
	d.queue = append(d.queue, departedUser{user, until})
}

// forget removes users whose time is over, and one more if there is no room for another.
func (d *departed) forget(now time.Time) {
	for len(d.queue) >= maxRevoked || len(d.queue) > 0 && !now.Before(d.queue[0].until) {
		first := d.queue[0]
		d.queue[0] = departedUser{}
		d.queue = d.queue[1:]
		if d.users[first.user].Equal(first.until) { // else it was restored, or put again
			delete(d.users, first.user)
		}
	}
}
