package turnserver

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"callbox/internal/netaddr"
)

const (
	// wrongPasswords is how many wrong passwords may come from one address for one fixed
	// user at once; then one each wrongPasswordEvery.
	wrongPasswords     = 10
	wrongPasswordEvery = 10 * time.Second
	// maxGuesses bounds how many pairs of address and name are remembered.
	maxGuesses = 1 << 14
)

// guesses counts wrong passwords by the pair of client address and name: so guessing locks out
// nobody but those who use the same name at the same address. The zero value is empty.
type guesses struct {
	mu sync.Mutex
	// mu guards the following.
	paid  map[guess]time.Time // when the latest wrong password will be forgotten
	swept time.Time
}

type guess struct {
	client netip.Addr
	name   string
}

// tooMany reports whether further passwords are refused unchecked now.
func (g *guesses) tooMany(client netip.Addr, name string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.paid[guess{netaddr.Client(client), name}].Sub(now) > (wrongPasswords-1)*wrongPasswordEvery
}

// add counts a wrong password.
func (g *guesses) add(client netip.Addr, name string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	by := guess{netaddr.Client(client), name}
	paid := g.paid[by]
	if paid.Before(now) {
		paid = now
		g.makeRoom(now)
	}
	g.paid[by] = paid.Add(wrongPasswordEvery)
}

// makeRoom removes what is forgotten, every wrongPasswordEvery, and any entries of a full map.
// It must be called with mu held.
func (g *guesses) makeRoom(now time.Time) {
	if now.Sub(g.swept) >= wrongPasswordEvery {
		g.swept = now
		maps.DeleteFunc(g.paid, func(_ guess, paid time.Time) bool { return paid.Before(now) })
	}
	if g.paid == nil {
		g.paid = map[guess]time.Time{}
	}
	for by := range g.paid {
		if len(g.paid) < maxGuesses {
			return
		}
		delete(g.paid, by)
	}
}
