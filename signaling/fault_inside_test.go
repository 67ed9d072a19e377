package signaling

import "fmt"

// Remains says what a server that has nobody to serve still holds, beside the
// memory of seats that are not to be given back.
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
