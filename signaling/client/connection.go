package client

import (
	"sync"
	"time"
)

// transport carries frames to the server and back, over WebSocket or plain HTTP.
type transport interface {
	// send sends a frame. It also returns the reply if the transport delivers
	// replies that way; otherwise the reply comes from receive.
	send(frame []byte) (reply []byte, err error)
	// receive returns the next frame. Its error is a *CloseError if the server
	// closed the connection.
	receive() ([]byte, error)
	// closeGracefully begins to close the connection. left reports that no seat
	// is held, so the server can forget the session as well. The caller calls
	// abort if receive does not return soon.
	closeGracefully(left bool)
	// abort closes the connection at once.
	abort()
	// onActivity sets the function that is called whenever something arrives. It
	// must be called before the transport is used.
	onActivity(noteActivity func())
	// isHTTP reports whether replies and events arrive separately, in any order.
	isHTTP() bool
}

// connection is a transport and the state of the client's conversation on it.
// Client.mu guards the fields for which nothing else is stated.
type connection struct {
	transport
	wake chan struct{} // tells the writer to look again

	joinSent       bool
	isReady        bool          // the join was answered
	ready          chan struct{} // closed when the seat is taken on this connection
	leaving        bool          // send a leave and do not wait for its reply
	readyAt        time.Time     // when the seat was taken
	joinDeadline   time.Time     // for the reply to join
	pingAt         time.Time     // when the next ping is due; zero = never
	probedAt       time.Time     // when a ping was sent to test the connection; zero = none was
	confirmAt      time.Time     // when received events are to be confirmed
	clockCheckedAt time.Time     // when detectSleep last compared the clocks
	wallCheckedAt  time.Time     // what the wall clock said then

	activityMu sync.Mutex
	activity   time.Time // when something last arrived

	once   sync.Once
	failed chan struct{}
	err    error // why the connection failed; set before failed is closed
}

func newConnection(t transport) *connection {
	conn := &connection{
		transport: t, wake: make(chan struct{}, 1), ready: make(chan struct{}), failed: make(chan struct{}),
	}
	conn.onActivity(conn.noteActivity)
	return conn
}

func (conn *connection) noteActivity() {
	now := time.Now()
	conn.activityMu.Lock()
	conn.activity = now
	conn.activityMu.Unlock()
}

func (conn *connection) lastActivity() time.Time {
	conn.activityMu.Lock()
	defer conn.activityMu.Unlock()
	return conn.activity
}

func (conn *connection) wakeWriter() {
	select {
	case conn.wake <- struct{}{}:
	default:
	}
}

// fail aborts the connection. Only the first error is kept.
func (conn *connection) fail(err error) {
	conn.once.Do(func() {
		conn.err = err
		close(conn.failed)
	})
	conn.abort()
}
