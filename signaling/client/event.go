package client

import "callbox/signaling/protocol"

// Event is what [Client.Receive] returns: an event or a notice of package
// protocol, [Interrupted] or [Rejoined].
type Event interface {
	// EventSeq returns the server's sequence number, 0 when it has none.
	EventSeq() uint64
}

// Interrupted tells that the connection was lost. The client is on its way
// back; requests wait. Nothing need be done.
type Interrupted struct {
	Err error // what broke
}

// Rejoined tells that the client is back in its room.
//
// With Resumed nothing was lost: what was missed follows. Without it the
// server has forgotten the session: messages without an ack failed with
// [ErrLost], events may have been missed, and Joined says who is in the room. A
// peer id in it that is known is still the same peer. Joined.Peer is another one
// than before when the seat itself could not be had back.
type Rejoined struct {
	Resumed bool
	Joined  protocol.Joined
}

// EventSeq implements [Event].
func (Interrupted) EventSeq() uint64 { return 0 }

// EventSeq implements [Event].
func (Rejoined) EventSeq() uint64 { return 0 }
