package turnserver

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"callbox/turnserver/datapath"
	"callbox/turnserver/limit"
)

// What the credential of a check is good for. A check asks whether relays can be reached, so it needs
// little, and anybody may ask for one.
const (
	// CheckLife is how long the credential is valid. Its relays end with it.
	CheckLife = time.Minute
	// CheckAllocations is how many allocations it can make in all, those that have ended included.
	CheckAllocations = 4
	// CheckRate and CheckBytes bound the payload that its relays pass on together, counted at each of
	// them: in bytes per second, and in all.
	CheckRate  = 128_000
	CheckBytes = 2_000_000
)

// maxChecks is how many checks may run at one time.
const maxChecks = 4096

// checkPrefix begins the user of a check in logs and in Allocations.
const checkPrefix = "check-"

// ErrTooManyChecks is the error of [Server.CheckCredential] while as many checks run as the server
// remembers.
var ErrTooManyChecks = errors.New("too many checks at the same time")

// check is what a credential of CheckCredential stands for. Such a credential is not derived from the
// shared secret, which would make it a common one as soon as the server forgets that it is for a check.
// It exists only in the memory of this server.
type check struct {
	user      string
	key       []byte // of the long-term credential mechanism
	expiry    time.Time
	rateLimit *limit.Bucket
	// group keeps its relays apart from all others.
	group *datapath.Group
	// made counts its allocations. It belongs to the registry.
	made int
}

// left returns how long the check lasts from now on, in whole seconds.
func (c *check) left(now time.Time) time.Duration { return c.expiry.Sub(now).Truncate(time.Second) }

// checks are the credentials of checks. The zero value is empty.
type checks struct {
	mu         sync.Mutex
	byUsername map[string]*check
	queue      []checkEntry // oldest first
}

type checkEntry struct {
	username string
	expiry   time.Time
}

// add reports whether there was room for another check.
func (c *checks) add(username string, made *check, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(now)
	if len(c.queue) >= maxChecks {
		return false
	}
	if c.byUsername == nil {
		c.byUsername = map[string]*check{}
	}
	c.byUsername[username] = made
	c.queue = append(c.queue, checkEntry{username, made.expiry})
	return true
}

// forget removes the checks that have been over for some time, so that those who are late are still
// told that the credential has expired. It must be called with mu held.
func (c *checks) forget(now time.Time) {
	for len(c.queue) > 0 && now.Sub(c.queue[0].expiry) > CheckLife {
		delete(c.byUsername, c.queue[0].username)
		c.queue[0] = checkEntry{}
		c.queue = c.queue[1:]
	}
}

func (c *checks) find(username string) *check {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byUsername[username]
}

// CheckCredential returns a user name and password for a check of a connection. They are good for
// [CheckAllocations] allocations within [CheckLife], at most [CheckRate] and [CheckBytes], and less if
// Limits allow less. These relays exchange datagrams only with one another. The only error is
// [ErrTooManyChecks].
func (s *Server) CheckCredential() (username, password string, err error) {
	var id [8]byte
	var secret [18]byte
	_, _ = rand.Read(id[:]) // never fails
	_, _ = rand.Read(secret[:])
	now := s.credentials.now()
	made := &check{
		user: checkPrefix + hex.EncodeToString(id[:]), expiry: now.Add(CheckLife),
		rateLimit: s.limits.checkBucket(s.checkRate), group: datapath.NewGroup(CheckBytes),
	}
	// The form is that of a time-limited credential, so no fixed user can have this name.
	username = strconv.FormatInt(made.expiry.Unix(), 10) + ":" + made.user
	password = base64.StdEncoding.EncodeToString(secret[:])
	made.key = authKey(username, s.credentials.realm, password)
	if !s.credentials.checks.add(username, made, now) {
		return "", "", ErrTooManyChecks
	}
	return username, password, nil
}

// isCheck reports whether a user is that of a check.
func isCheck(user string) bool { return strings.HasPrefix(user, checkPrefix) }

// checkBucket returns the rate limit of a check: rate, or that of a user if it is lower.
func (l *Limits) checkBucket(rate int) *limit.Bucket {
	if l.UserBytes > 0 {
		rate = min(rate, l.UserBytes)
	}
	return limit.NewBucket(rate, rate)
}

// checkFull reports whether a check that has made so many allocations may not make n more.
func (l *Limits) checkFull(made, n int) bool {
	most := CheckAllocations
	if l.UserAllocations > 0 {
		most = min(most, l.UserAllocations)
	}
	return made+n > most
}

// mayReach reports whether an allocation of a check may send to a peer: to live allocations of the same
// check. anyPort is for permissions, which have no port.
func (g *registry) mayReach(a *allocation, peer netip.AddrPort, anyPort bool) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	u := g.users[a.account()]
	if u == nil {
		return false
	}
	for other := range u.live {
		if other.relayed == peer || anyPort && other.relayed.Addr() == peer.Addr() {
			return true
		}
	}
	return false
}
