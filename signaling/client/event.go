package client

import "callbox/signaling/protocol"

// Event is what [Client.Receive] returns: an event or a notice of package
// protocol, [Interrupted] or [Rejoined].
type Event interface {
	// EventSeq returns the server's sequence number, 0 when it has none.
	EventSeq() uint64
}

// Interrupted is the event that the connection was lost. The client reconnects
// by itself; requests wait until then. The caller need not do anything.
type Interrupted struct {
	Err error // what broke
}

// Rejoined is the event that the client is back in its room.
//
// If Resumed is true, nothing was lost: the events that were missed follow.
// Otherwise the server has forgotten the session: messages without an ack have
// failed with [ErrLost], events may have been missed, and Joined says who is in
// the room. A known peer id in it still means the same peer. Joined.Peer differs
// from before if the seat itself could not be reclaimed.
type Rejoined struct {
	Resumed bool
	Joined  protocol.Joined
}

// EventSeq implements [Event].
func (Interrupted) EventSeq() uint64 { return 0 }

// EventSeq implements [Event].
func (Rejoined) EventSeq() uint64 { return 0 }
