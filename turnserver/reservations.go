package turnserver

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// reservationTime is how long the port after an even one is reserved for the client that asked for
// it (RFC 8656 section 7.2: at least 30 seconds).
const reservationTime = 30 * time.Second

var errReservation = errors.New("no such reservation")

// boundSocket is a relay socket that no allocation has yet. Its owner makes an allocation of it, or
// discards it.
type boundSocket struct {
	conn    net.PacketConn
	address *relayAddress
	port    uint16
}

// discard closes the socket and gives the port back.
func (s *boundSocket) discard() {
	_ = s.conn.Close() // nothing was sent
	s.address.ports.restore(s.port)
}

// openPair binds sockets at two consecutive ports, of which the first is even (RFC 8656 section
// 7.2).
func (r *relayAddresses) openPair(is4 bool) (even, next *boundSocket, err error) {
	const tries = 64
	var alone []*boundSocket
	defer func() {
		for _, p := range alone {
			p.discard()
		}
	}()
	for range tries {
		// Sockets without a neighbour stay bound meanwhile, so that none is tried twice.
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

// reservations are the ports that clients have reserved for their next allocation (EVEN-PORT with
// its R bit, RFC 8656 section 18.7). Each has a bound socket, and counts in the quotas of its user.
type reservations struct {
	release func(a account, client netip.Addr)

	mu      sync.Mutex
	closed  bool
	byToken map[token]*reservation
}

type reservation struct {
	socket  *boundSocket
	account account
	client  netip.Addr
	timer   *time.Timer
}

func newReservations(release func(a account, client netip.Addr)) *reservations {
	return &reservations{release: release, byToken: map[token]*reservation{}}
}

// add reserves a socket for a user. The caller has counted it in the quotas.
func (s *reservations) add(socket *boundSocket, a account, client netip.Addr) (token, error) {
	var t token
	_, _ = rand.Read(t[:]) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return t, net.ErrClosed
	}
	r := &reservation{socket: socket, account: a, client: client}
	s.byToken[t] = r
	r.timer = time.AfterFunc(reservationTime, func() { s.expire(t) })
	return t, nil
}

// redeem ends a reservation of the user and returns its socket, which no longer counts in the
// quotas.
func (s *reservations) redeem(t token, a account) (*boundSocket, error) {
	s.mu.Lock()
	r := s.byToken[t]
	if r == nil || r.account != a {
		s.mu.Unlock()
		return nil, errReservation
	}
	r.timer.Stop()
	delete(s.byToken, t)
	s.mu.Unlock()
	s.release(r.account, r.client)
	return r.socket, nil
}

// expire ends a reservation that was not redeemed.
func (s *reservations) expire(t token) {
	s.mu.Lock()
	r := s.byToken[t]
	delete(s.byToken, t)
	s.mu.Unlock()
	if r != nil {
		r.timer.Stop()
		s.end(r)
	}
}

func (s *reservations) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byToken) == 0
}

// removeUser ends the reservations of a user.
func (s *reservations) removeUser(user string) {
	s.mu.Lock()
	var dropped []*reservation
	for t, r := range s.byToken {
		if r.account.name == user {
			delete(s.byToken, t)
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
	r.socket.discard()
	s.release(r.account, r.client)
}

// close ends every reservation, and accepts no more.
func (s *reservations) close() {
	s.mu.Lock()
	all := s.byToken
	s.byToken, s.closed = map[token]*reservation{}, true
	s.mu.Unlock()
	for _, r := range all {
		r.timer.Stop()
		s.end(r)
	}
}
