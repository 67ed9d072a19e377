package signaling

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"callbox/signaling/protocol"
)

// Echo is a room for test calls: everybody who joins it is alone there with a peer of the
// operator's, which sends back what it gets. For that, each join gets a private room instead,
// whose name only the server knows; the client sees the name that it asked for. See
// [Config.Echo].
type Echo struct {
	// Room is the name that clients ask for, in canonical form.
	Room string
	// Open returns the name of a new private room for a client at addr. The operator's peer
	// joins it like any other, and nobody else must be able to: its name has at least 60 random
	// bits, and Config.Authorize refuses strangers. If before is not empty, it is the private room
	// that the client had before its page was reloaded; it is no longer needed. An error refuses
	// the join for the moment; the client gets its text. Open is called by many goroutines at once,
	// and must not block.
	Open func(addr netip.Addr, before string) (room string, err error)
	// Rooms returns the private rooms that are in use. In one of them is the seat of a client
	// that takes it back, or repeats its join. It must not block.
	Rooms func() []string
}

// retryEchoAfter is how long a client should wait when no test call can be made.
const retryEchoAfter = 10 * time.Second

func (e *Echo) validate() error {
	if room, err := protocol.CanonicalRoom(e.Room, 0); err != nil || room != e.Room {
		return fmt.Errorf("%q is not a canonical name of a room for test calls", e.Room)
	}
	if e.Open == nil || e.Rooms == nil {
		return errors.New("a function of Echo is nil")
	}
	return nil
}

// isEcho reports whether the client asked for the room for test calls.
func (j *joinAttempt) isEcho() bool {
	echo := j.connection.server.config.Echo
	return echo != nil && j.asked == echo.Room
}

// findEcho looks for the private room in which the client has a seat already, as its token or
// its nonce shows. A join of the room for test calls becomes one of that room. But a page that was
// reloaded makes another test call, and gives up the seat that it had.
func (j *joinAttempt) findEcho(held claim, fx *effects) {
	r, s := &j.request, j.connection.server
	reloaded := r.Replace != ""
	for _, room := range s.config.Echo.Rooms() {
		switch {
		case reloaded && held.room == roomHash(room):
			j.echoBefore = room
			s.rooms.vacate(room, held.peer, fx)
		case !reloaded && (held.peer != "" && held.room == roomHash(room) || r.Nonce != "" && s.rooms.peerByNonce(room, r.Nonce) != ""):
			r.Room = room
		}
	}
	r.Replace = ""
}

// vacate frees a seat, if it is held, and closes its connection.
func (m *rooms) vacate(room, peer string, fx *effects) {
	sh := m.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	rm := sh.rooms[room]
	if rm == nil {
		return
	}
	old := rm.find(peer)
	if old == nil {
		return
	}
	c := old.connection
	sh.removePeer(old, protocol.ReasonReplaced, fx)
	if c != nil && c.markEnded(protocol.CloseTakenOver, "seat taken over") {
		fx.send(c)
	}
}

// openEcho makes a join of the room for test calls one of a new private room, unless it is one
// already.
func (j *joinAttempt) openEcho() *joinRefusal {
	r, s := &j.request, j.connection.server
	if !j.isEcho() || r.Room != j.asked {
		return nil
	}
	room, err := s.config.Echo.Open(j.connection.addr, j.echoBefore)
	if err != nil {
		return &joinRefusal{joinRateLimited, s.rateLimitedError(r.ID, err.Error(), retryEchoAfter)}
	}
	r.Room = room
	return nil
}
