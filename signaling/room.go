package signaling

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"callbox/signaling/protocol"
)

// rooms decides who sits where. Its methods are safe for concurrent use and do
// not block.
type rooms interface {
	// enter gives st a seat in the room of that name, queues joined for it and
	// tells the others. When capacity seats are taken it changes nothing and
	// returns who has them.
	enter(st *seat, capacity int, joined protocol.Joined) (taken []*seat)
	// leave frees st, queues left (nil = nothing) for it and tells the others
	// unless quiet. It returns false when st is not taken.
	leave(st *seat, reason protocol.Reason, left protocol.Frame, quiet bool) bool
	// send queues a message from st for one peer of its room. The code is empty
	// when that is done, else CodeNoSuchPeer or CodeQueueFull.
	send(st *seat, m protocol.Message) protocol.Code
	// sendAll queues a message from st for everybody else in its room; the ack
	// says for whom.
	sendAll(st *seat, m protocol.Message) protocol.Ack
	// count returns how many rooms and taken seats there are.
	count() (rooms, seats int)
}

// seat is a peer's place in a room.
type seat struct {
	// Static after construction.
	peer    string
	name    string
	session *session

	shard *shard // static once taken
	room  *room  // guarded by shard.mu; nil = not taken
}

// room is a meeting place; it exists while somebody sits in it.
type room struct {
	name  string
	seats []*seat // in the order of joining, which decides who is polite
}

// find returns who has that id; rm may be nil.
func (rm *room) find(peer string) *seat {
	if rm == nil {
		return nil
	}
	for _, st := range rm.seats {
		if st.peer == peer {
			return st
		}
	}
	return nil
}

// others returns everybody in the room but st.
func (rm *room) others(st *seat) []*seat {
	all := make([]*seat, 0, len(rm.seats))
	for _, o := range rm.seats {
		if o != st {
			all = append(all, o)
		}
	}
	return all
}

func flushAll(seats []*seat) {
	for _, st := range seats {
		st.session.flush()
	}
}

// memoryRooms holds the rooms of one process, in shards, so that rooms do not
// wait for one another.
type memoryRooms struct {
	seed   maphash.Seed
	shards [64]shard
}

type shard struct {
	mu    sync.Mutex // guards rooms and all that hangs on them
	rooms map[string]*room

	seats atomic.Int64
	count atomic.Int64
}

func newMemoryRooms() *memoryRooms {
	m := &memoryRooms{seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].rooms = make(map[string]*room)
	}
	return m
}

func (m *memoryRooms) enter(st *seat, capacity int, joined protocol.Joined) []*seat {
	sh := &m.shards[maphash.String(m.seed, joined.Room)%uint64(len(m.shards))]
	sh.mu.Lock()
	rm := sh.rooms[joined.Room]
	if rm != nil && capacity > 0 && len(rm.seats) >= capacity {
		taken := slices.Clone(rm.seats)
		sh.mu.Unlock()
		return taken
	}
	if rm == nil {
		rm = &room{name: joined.Room}
		sh.rooms[joined.Room] = rm
		sh.count.Add(1)
	}
	others := rm.others(nil)
	rm.seats = append(rm.seats, st)
	st.shard, st.room = sh, rm
	sh.seats.Add(1)
	joined.Peers = make([]protocol.Peer, len(others))
	for i, o := range others {
		joined.Peers[i] = protocol.Peer{Peer: o.peer, Name: o.name, Polite: true}
	}
	st.session.sit(st, joined)
	for _, o := range others {
		o.session.announce(func(seq uint64) protocol.Frame {
			return protocol.OtherJoined{Seq: seq, Peer: st.peer, Name: st.name}
		})
	}
	sh.mu.Unlock()

	st.session.flush()
	flushAll(others)
	return nil
}

func (m *memoryRooms) leave(st *seat, reason protocol.Reason, left protocol.Frame, quiet bool) bool {
	sh := st.shard
	sh.mu.Lock()
	rm := st.room
	if rm == nil {
		sh.mu.Unlock()
		return false
	}
	st.room = nil
	rm.seats = slices.DeleteFunc(rm.seats, func(o *seat) bool { return o == st })
	sh.seats.Add(-1)
	if len(rm.seats) == 0 {
		delete(sh.rooms, rm.name)
		sh.count.Add(-1)
	}
	undelivered := st.session.rise(left)
	var others []*seat
	if !quiet {
		others = rm.others(nil)
	}
	for _, o := range others {
		o.session.announce(func(seq uint64) protocol.Frame {
			return protocol.Bye{Seq: seq, Peer: st.peer, Reason: reason, Undelivered: undelivered[o]}
		})
	}
	sh.mu.Unlock()

	st.session.flush()
	flushAll(others)
	return true
}

func (m *memoryRooms) send(st *seat, msg protocol.Message) protocol.Code {
	sh := st.shard
	sh.mu.Lock()
	to := st.room.find(msg.To)
	if to == nil || to == st {
		sh.mu.Unlock()
		return protocol.CodeNoSuchPeer
	}
	ok := to.session.deliver(st, msg)
	sh.mu.Unlock()

	to.session.flush()
	if !ok {
		return protocol.CodeQueueFull
	}
	return ""
}

func (m *memoryRooms) sendAll(st *seat, msg protocol.Message) protocol.Ack {
	ack := protocol.Ack{ID: msg.ID}
	sh := st.shard
	sh.mu.Lock()
	var others []*seat
	if st.room != nil {
		others = st.room.others(st)
	}
	for _, o := range others {
		if o.session.deliver(st, msg) {
			ack.To = append(ack.To, o.peer)
		} else {
			ack.Failed = append(ack.Failed, protocol.Failure{Peer: o.peer, Code: protocol.CodeQueueFull})
		}
	}
	sh.mu.Unlock()

	flushAll(others)
	return ack
}

func (m *memoryRooms) count() (rooms, seats int) {
	for i := range m.shards {
		rooms += int(m.shards[i].count.Load())
		seats += int(m.shards[i].seats.Load())
	}
	return rooms, seats
}
