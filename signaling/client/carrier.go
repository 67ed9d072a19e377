package client

import (
	"sync"
	"time"
)

// line is one connection to the server, over WebSocket or plain HTTP.
type line interface {
	// send hands a frame over, and returns the reply where that comes with it.
	send(frame []byte) (reply []byte, err error)
	// receive returns the next frame. Its error is a *CloseError when the server
	// closed the line.
	receive() ([]byte, error)
	// close closes in order, for good when no seat is held. The caller cuts it
	// when receive does not end soon.
	close(left bool)
	// cut ends everything at once.
	cut()
	// onHeard sets what is called at every sign of life, before the line is used.
	onHeard(heard func())
	// overHTTP says that replies and events come separately.
	overHTTP() bool
}

// carrier is a line with what the client knows of it. Fields without a guard of
// their own are guarded by Client.mu.
type carrier struct {
	line
	wake chan struct{} // tells the writer to look again

	joinSent bool
	isReady  bool          // join was answered
	ready    chan struct{} // closed when the seat is taken on this line
	goodbye  bool          // say leave, without waiting for an answer
	began    time.Time     // when it was ready
	answerBy time.Time     // the reply to join
	pingAt   time.Time     // zero = never
	probed   time.Time     // when a sign of life was asked for; zero = it was not
	seenAt   time.Time     // when to confirm
	looked   time.Time     // at the clocks
	lookedAt time.Time     // the wall clock then

	heardMu sync.Mutex
	heard   time.Time

	once sync.Once
	lost chan struct{}
	err  error // why, once lost is closed
}

func newCarrier(l line) *carrier {
	k := &carrier{
		line: l, wake: make(chan struct{}, 1), ready: make(chan struct{}), lost: make(chan struct{}),
	}
	k.onHeard(k.hear)
	return k
}

func (k *carrier) hear() {
	now := time.Now()
	k.heardMu.Lock()
	k.heard = now
	k.heardMu.Unlock()
}

func (k *carrier) lastHeard() time.Time {
	k.heardMu.Lock()
	defer k.heardMu.Unlock()
	return k.heard
}

// nudge wakes the writer.
func (k *carrier) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// lose ends the line; the first reason counts.
func (k *carrier) lose(err error) {
	k.once.Do(func() {
		k.err = err
		close(k.lost)
	})
	k.cut()
}
