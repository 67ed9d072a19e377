package datapath

import "time"

// packetSink sends what comes of the datagrams that a goroutine reads. That of an engine
// collects them, directSink sends each at once. Only that goroutine uses it.
type packetSink interface {
	// toPeer sends body from a relay.
	toPeer(r *Relay, to *destination, body []byte)
	// toClient sends head, body and padding zero bytes to a client.
	toClient(c Client, head, body []byte, padding int)
	// scratch returns n bytes for a header, which stay valid until it is sent.
	scratch(n int) []byte
	// now returns the monotonic time of what is being handled, in nanoseconds.
	now() int64
}

// directSink is the packetSink of a goroutine that reads one socket or stream.
type directSink struct {
	path   *Path
	header [maxHeader]byte
}

func (d *directSink) toPeer(r *Relay, to *destination, body []byte) {
	d.path.stats.drop(r.conn.send(to, nil, body, 0))
}

func (d *directSink) toClient(c Client, head, body []byte, padding int) {
	d.path.stats.drop(c.send(head, body, padding))
}

func (d *directSink) scratch(n int) []byte { return d.header[:n] }
func (d *directSink) now() int64           { return d.path.Now() }

// Now returns the time on the clock of the path's limits: monotonic, in nanoseconds.
func (p *Path) Now() int64 { return int64(time.Since(p.started)) }
