package signaling

import "time"

// transportKind is the kind of transport that a connection has.
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
// connection's handle for each frame from there. Connections and sessions do not
// know which kind of transport they have. No method blocks.
type transport interface {
	kind() transportKind
	// flush sends what the connection's queue holds: what the client takes now
	// at once, the rest as soon as the client takes it.
	flush()
	// prepareToBlock tells the transport that the goroutine that carries out a
	// frame is about to wait. It returns false when it must not.
	prepareToBlock() bool
	// closeGracefully ends the connection after what is queued, with a WebSocket
	// close code and a text for people. Only the first call counts.
	closeGracefully(code int, text string)
	// abort ends the connection at once, whatever is queued.
	abort()
	// idleFor returns how long nothing has arrived from the client.
	idleFor() time.Duration
	// idleTimeout returns how long nothing may arrive from a client, which is
	// pinged once in every interval, before it is considered gone.
	idleTimeout(interval time.Duration) time.Duration
	// activity returns a channel that is closed when something arrives from the
	// client, or the connection ends.
	activity() <-chan struct{}
}
