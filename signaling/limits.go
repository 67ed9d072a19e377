package signaling

import (
	"time"

	"callbox/signaling/protocol"
)

// Limits bounds what a client may do. 0 = no limit, unless a field says otherwise.
type Limits struct {
	FrameBytes int // largest frame, in bytes
	RoomName   int // longest name of a room, in code points
	PeerName   int // longest name of a peer, in code points

	FramesPerSecond int // for each connection
	FrameBurst      int // 0 = twice FramesPerSecond
	JoinsPerSecond  int // for each address; an IPv6 address counts with its /64
	JoinBurst       int // 0 = ten times JoinsPerSecond
	Connections     int // at once, for each address; also seats, including those of broken connections
	AllConnections  int // at once, for all addresses together

	JoinWithin  time.Duration // a connection that has not joined by then is closed
	QueueEvents int           // messages that a client has not confirmed
	QueueBytes  int           // and their size in bytes
}

// fits reports whether a message of size bytes may be added to those that wait.
func (l *Limits) fits(messages, bytes, size int) bool {
	return (l.QueueEvents == 0 || messages < l.QueueEvents) && (l.QueueBytes == 0 || bytes+size <= l.QueueBytes)
}

// DefaultLimits returns the limits that PROTOCOL.md names.
func DefaultLimits() Limits {
	return Limits{
		FrameBytes:      64 << 10,
		RoomName:        protocol.MaxRoomName,
		PeerName:        protocol.MaxPeerName,
		FramesPerSecond: 100,
		FrameBurst:      200,
		JoinsPerSecond:  20,
		JoinBurst:       200,
		Connections:     200,
		JoinWithin:      10 * time.Second,
		QueueEvents:     256,
		QueueBytes:      1 << 20,
	}
}
