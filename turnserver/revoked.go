package turnserver

import (
	"errors"
	"maps"
	"sync"
	"time"
)

const (
	// maxRevoked bounds the users that each list of revocations refuses at one
	// time.
	maxRevoked = 1 << 16
	// revokedFor is how long credentials are refused at least: some that this
	// server has not made, such as those of before a restart, are still good.
	revokedFor = time.Hour
)

// ErrTooManyRevoked is returned by [Server.Revoke] when it refuses the
// credentials of as many users as it can remember.
var ErrTooManyRevoked = errors.New("too many users are revoked")

// revocations are the users whose credentials are refused: those that an
// operator has revoked, and those that have left. The two are kept apart,
// because anybody can leave as often as they like and come back: what strangers
// do must neither lift what an operator has decided nor push it out. The zero
// value is empty.
type revocations struct {
	mu      sync.Mutex
	revoked map[string]time.Time // by an operator, until when
	left    departed
	latest  time.Time // no credential of this server lasts longer
}

// minted notes the end of a new credential.
func (v *revocations) minted(expiry time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if expiry.After(v.latest) {
		v.latest = expiry
	}
}

// until returns when every credential that is good now has expired. It must be
// called with mu held.
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

// restore lifts a suspension, and no revocation.
func (v *revocations) restore(user string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.left.users, user)
}

// revoke refuses a user, and nothing lifts that before its time is over.
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

// forget takes out the revocations whose time is over. It must be called with
// mu held.
func (v *revocations) forget(now time.Time) {
	maps.DeleteFunc(v.revoked, func(_ string, until time.Time) bool { return !now.Before(until) })
}

// refuses reports whether a credential of the user, good until expiry, is
// refused. A credential that outlasts the refusal, which others have made, is
// refused for as long as it is good.
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

// departed are users who have left. With more than maxRevoked the one that left
// first is forgotten.
type departed struct {
	users map[string]time.Time // until when they are refused
	queue []departedUser       // what was put into users, in that order
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

// forget takes out whose time is over, and who must make room for one more.
func (d *departed) forget(now time.Time) {
	for len(d.queue) >= maxRevoked || len(d.queue) > 0 && !now.Before(d.queue[0].until) {
		first := d.queue[0]
		d.queue[0] = departedUser{}
		d.queue = d.queue[1:]
		if d.users[first.user].Equal(first.until) { // else it was restored, or put in anew
			delete(d.users, first.user)
		}
	}
}
