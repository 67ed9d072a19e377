package signaling

import "time"

// transportKind says what carries a connection.
type transportKind uint8

const (
	overWebSocket transportKind = iota
	overSSE
)

// String returns the kind's name in metrics and for operators.
func (k transportKind) String() string {
	return [...]string{"websocket", "sse"}[k]
}

// transport carries the frames of one connection to its client, and calls the
// connection's handle for each frame from there. Neither a connection nor a
// session knows which kind of transport it has. No method blocks.
type transport interface {
	kind() transportKind
	// flush sends what the connection's queue holds: now what the client takes
	// now, the rest as soon as it takes it.
	flush()
	// wait tells the transport that who carries out a frame is about to wait.
	// It returns false when that must not be.
	prepareToBlock() bool
	// close ends the connection, after what is queued, with a WebSocket close
	// code and a text for people. Only the first call counts.
	closeGracefully(code int, text string)
	// cut ends the connection at once, whatever is still queued.
	abort()
	// silence returns how long nothing has been heard from the client.
	idleFor() time.Duration
	// patience returns how long silence may last, when the client is pinged
	// once in an interval, until the client is taken for gone.
	idleTimeout(interval time.Duration) time.Duration
	// heard returns a channel that is closed when something is heard, or
	// the connection ends.
	activity() <-chan struct{}
}
