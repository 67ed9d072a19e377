package signaling

import "fmt"

// Remains returns what a server without clients still holds, except the
// tombstones.
func (s *Server) Remains() (remains []string) {
	note := func(what string, n int) {
		if n != 0 {
			remains = append(remains, fmt.Sprintf("%s: %d", what, n))
		}
	}
	s.mu.Lock()
	note("connections", len(s.connections))
	s.mu.Unlock()
	for i := range s.rooms.shards {
		sh := &s.rooms.shards[i]
		sh.mu.Lock()
		note("rooms", len(sh.rooms))
		note("seats of the away", len(sh.away))
		note("counted seats", int(sh.seatCount.Load()+sh.awayCount.Load()+sh.roomCount.Load()))
		note("gone seats out of order", len(sh.tombstones.seats)-len(sh.tombstones.order))
		sh.mu.Unlock()
	}
	s.addresses.mu.Lock()
	for _, each := range s.addresses.table {
		note("connections of an address", each.connections)
	}
	s.addresses.mu.Unlock()
	return remains
}
