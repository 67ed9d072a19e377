package turnserver

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// reservationTime is how long the port beside an even one is kept for who asked
// for it (RFC 8656 section 7.2: 30 seconds at least).
const reservationTime = 30 * time.Second

var errReservation = errors.New("no such reservation")

// place is a relay socket that no relay has yet. Its owner makes a relay of it,
// or discards it.
type place struct {
	conn    net.PacketConn
	address *relayAddress
	port    uint16
}

// discard closes the socket; the port was in nobody's use.
func (p *place) discard() {
	_ = p.conn.Close() // nothing was sent
	p.address.ports.restore(p.port)
}

// openPair binds two sockets beside one another, the first at an even port (RFC
// 8656 section 7.2).
func (r *relayAddresses) openPair(is4 bool) (even, next *place, err error) {
	const tries = 64
	var alone []*place
	defer func() {
		for _, p := range alone {
			p.discard()
		}
	}()
	for range tries {
		// Those that are alone stay bound meanwhile, so that none is met again.
		even, err = r.open(is4, func(port uint16) bool { return port%2 == 0 })
		if err != nil {
			return nil, nil, err
		}
		next, err = r.bind(even.address, func(port uint16) bool { return port == even.port+1 })
		if err == nil {
			return even, next, nil
		}
		alone = append(alone, even)
		if !errors.Is(err, errPortsExhausted) {
			break
		}
	}
	return nil, nil, err
}

type token [reservationTokenLen]byte

// reservations are the ports that clients have asked to be kept for their next
// allocation (EVEN-PORT with its R bit, RFC 8656 section 18.7). Each holds a
// bound socket, and its user's place in the quotas.
type reservations struct {
	release func(a account, client netip.Addr)

	mu     sync.Mutex
	closed bool
	held   map[token]*reservation
}

type reservation struct {
	place   *place
	account account
	client  netip.Addr
	timer   *time.Timer
}

func newReservations(release func(a account, client netip.Addr)) *reservations {
	return &reservations{release: release, held: map[token]*reservation{}}
}

// hold keeps a place for a user, whose place in the quotas the caller has taken.
func (s *reservations) hold(p *place, a account, client netip.Addr) (token, error) {
	var t token
	_, _ = rand.Read(t[:]) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return t, net.ErrClosed
	}
	r := &reservation{place: p, account: a, client: client}
	s.held[t] = r
	r.timer = time.AfterFunc(reservationTime, func() { s.expire(t) })
	return t, nil
}

// take ends a reservation of the user's, whose place in the quotas is free then.
func (s *reservations) take(t token, a account) (*place, error) {
	s.mu.Lock()
	r := s.held[t]
	if r == nil || r.account != a {
		s.mu.Unlock()
		return nil, errReservation
	}
	r.timer.Stop()
	delete(s.held, t)
	s.mu.Unlock()
	s.release(r.account, r.client)
	return r.place, nil
}

// expire ends a reservation that nobody will use.
func (s *reservations) expire(t token) {
	s.mu.Lock()
	r := s.held[t]
	delete(s.held, t)
	s.mu.Unlock()
	if r != nil {
		r.timer.Stop()
		s.end(r)
	}
}

func (s *reservations) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held) == 0
}

// drop ends the reservations of a user.
func (s *reservations) drop(user string) {
	s.mu.Lock()
	var dropped []*reservation
	for t, r := range s.held {
		if r.account.name == user {
			delete(s.held, t)
			dropped = append(dropped, r)
		}
	}
	s.mu.Unlock()
	for _, r := range dropped {
		r.timer.Stop()
		s.end(r)
	}
}

func (s *reservations) end(r *reservation) {
	r.place.discard()
	s.release(r.account, r.client)
}

// close ends every reservation, and takes no more.
func (s *reservations) close() {
	s.mu.Lock()
	held := s.held
	s.held, s.closed = map[token]*reservation{}, true
	s.mu.Unlock()
	for _, r := range held {
		r.timer.Stop()
		s.end(r)
	}
}
