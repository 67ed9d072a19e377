package peer

import (
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	// settleTime is the longest that the end of a call waits for what is on its way.
	settleTime = 2 * time.Second
	// quietTime without packets means that nothing is on its way from a side that has hung
	// up: it is longer than it takes to request a lost packet, once in 100 ms, and to get it,
	// also on a busy machine.
	quietTime = 400 * time.Millisecond
	// silentTime without packets means that the other side sends nothing, perhaps because
	// it has hung up at the same time. It must be longer than a pause in what a busy machine
	// sends.
	silentTime = time.Second
)

// settle ends the media of a call so that the last frames arrive and count. It stops
// sending, says so, and waits: whoever hangs up, until the other side has closed the
// connection, and the other side, until nothing arrives any more. A program that does not
// speak on the data channel ctl is not waited for.
func (c *Call) settle() {
	p := c.partner
	if p == nil || p.link == nil {
		return
	}
	l := p.link
	l.stopMedia()
	if !p.left && !l.ctl.ready() {
		return
	}
	c.sendBye()
	l.ctl.flush(byeTimeout)
	enough := silentTime
	if p.left {
		enough = quietTime
	}
	for until := time.Now().Add(settleTime); time.Now().Before(until); {
		if l.pc.ConnectionState() != webrtc.PeerConnectionStateConnected || l.quietFor() >= enough {
			return
		}
		l.ctl.pause(ctlPoll)
	}
}

// quietFor returns how long no packet of media has arrived.
func (l *link) quietFor() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	least := settleTime
	for _, t := range l.tracks {
		least = min(least, time.Since(time.Unix(0, t.arrived.Load())))
	}
	return least
}
