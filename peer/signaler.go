package peer

import (
	"context"
	"errors"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// Signaler is what a call needs from signaling: it finds the other side, and carries
// descriptions and candidates. With one of its own, a program calls through a server that
// is not callbox's; packages whip and whep are examples. Without one, Config.Server is a
// callbox server.
//
// A Signaler is for one call. Join is called first, and the other methods only if it
// succeeds: Receive and Send each from a goroutine of its own, and at the end, while
// Receive still waits, Leave and then Close, once.
type Signaler interface {
	// Join takes part and returns what is known then.
	Join(ctx context.Context) (Seat, error)
	// Receive waits for the next event: a protocol.MessageEvent, whose Data is a
	// protocol.CallData about the newest connection, a protocol.OtherJoined or a
	// protocol.Bye. One that reconnects by itself may also return client.Interrupted,
	// client.Rejoined, protocol.Away and protocol.Back.
	//
	// After an error there are no more events. A call that is connected goes on; any other
	// ends, with exit code NotJoined if the error wraps ErrRefused, else NotConnected.
	Receive(ctx context.Context) (client.Event, error)
	// Send sends data to a peer. The next message is sent when it returns, so it should not
	// wait for long. An error is logged.
	Send(ctx context.Context, to string, data protocol.CallData) error
	// Leave tells the server and the other side that this one leaves, as far as ctx allows.
	Leave(ctx context.Context) error
	// Close closes the connection to the server and waits for the Signaler's goroutines.
	Close() error
}

// ErrRefused marks an error of Signaler.Receive: the server does not admit this peer.
var ErrRefused = errors.New("the server refused the call")

// Seat is what a Signaler knows when it has joined.
type Seat struct {
	// Room names the call in the report. Peers are the others; with the first of them a
	// call is made at once. If its Polite is true, it makes the offer, otherwise this
	// side does.
	protocol.Joined

	// SendOnly says that nothing can be received, and ReceiveOnly that nothing can be sent:
	// then Config.Video and Config.Audio are not used.
	SendOnly, ReceiveOnly bool
	// MediaOnly says that there must be no data channels, so no safety code, texts and
	// files.
	MediaOnly bool
}

// operator is a Signaler that can also tell the operator of the server something.
type operator interface {
	Report(ctx context.Context, event string, data any) error
}
