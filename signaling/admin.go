package signaling

import (
	"errors"
	"fmt"
	"time"
)

// RoomInfo describes an occupied room to the operator.
type RoomInfo struct {
	Name  string     `json:"name"`
	Peers []PeerInfo `json:"peers"` // in the order of their seats
}

// PeerInfo describes a peer to the operator.
type PeerInfo struct {
	Peer        string    `json:"peer"`
	Name        string    `json:"name"`
	State       string    `json:"state"` // "connected" or "away"
	Since       time.Time `json:"since"` // when it took its seat on this server
	Transport   string    `json:"transport"`
	Unconfirmed int       `json:"unconfirmed"` // events that it has not confirmed, sent or not
}

// Rooms returns all rooms, in no particular order.
func (s *Server) Rooms() []RoomInfo {
	all := make([]RoomInfo, 0)
	for i := range s.rooms.shards {
		sh := &s.rooms.shards[i]
		sh.mu.Lock()
		for _, rm := range sh.rooms {
			info := RoomInfo{Name: rm.name, Peers: make([]PeerInfo, len(rm.seats))}
			for k, each := range rm.seats {
				info.Peers[k] = PeerInfo{
					Peer: each.peer, Name: each.name, State: "connected", Since: s.started.Add(each.since),
					Transport: each.transport.String(), Unconfirmed: each.events.count(),
				}
				if each.connection == nil {
					info.Peers[k].State = "away"
				}
			}
			all = append(all, info)
		}
		sh.mu.Unlock()
	}
	return all
}

// ErrNoPeer is the error of [Server.Kick] when no peer has that id.
var ErrNoPeer = errors.New("there is no peer of this id")

// Kick puts out a peer, or the one that has replaced it. Its seat becomes free,
// the others get bye with reason kicked, its connection is closed with 1008, and
// neither its token nor that of a seat that it had in this room before can be
// used to resume. With a ban, which is at most [MaxBan], the room refuses its
// address for that time. Kick returns the id of the peer that was put out. Any
// error but ErrNoPeer means that a restart of the server would forget the kick.
func (s *Server) Kick(peer string, ban time.Duration) (string, error) {
	var fx effects
	last, err := s.rooms.kick(peer, min(ban, MaxBan), &fx)
	fx.apply()
	if errors.Is(err, ErrNoPeer) {
		return "", err
	}
	if saveErr := s.kicks.save(); saveErr != nil {
		err = errors.Join(err, fmt.Errorf("keep the kick: %w", saveErr))
	}
	return last, err
}
