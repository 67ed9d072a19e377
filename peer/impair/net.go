package impair

import (
	"sync"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

const (
	// QueueTime is how long a datagram may wait because of Config.Rate.
	QueueTime = 500 * time.Millisecond
	// HoldTime is how long a datagram waits for the next one of its stream to overtake it.
	HoldTime = 100 * time.Millisecond
	// ResendTime is how late what the network lost arrives over TCP: the shortest time
	// after which Linux retransmits.
	ResendTime = 200 * time.Millisecond

	// writeTimeout is how long a TCP connection may not accept anything.
	writeTimeout = 2 * time.Second
	// headerBytes are those of IPv4 and UDP.
	headerBytes = 28
	maxQueued   = 8192
)

// Net is a network that impairs what is sent. Close must be called.
type Net struct {
	transport.Net
	wake chan struct{}
	done chan struct{}

	mu       sync.Mutex
	cfg      Config
	streams  []*stream
	byHeader map[header]*stream
	queue    queue
	number   uint64    // of the next packet
	linkFree time.Time // when the link of Config.Rate has sent everything so far
	sockets  map[*socket]struct{}
	closed   bool
}

// New returns a Net over another network; nil = that of the machine. The error is that of
// Config.Check, or says that the machine's interfaces cannot be listed.
func New(cfg Config, over transport.Net) (*Net, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if over == nil {
		machine, err := stdnet.NewNet()
		if err != nil {
			return nil, err
		}
		over = machineNet{machine}
	}
	n := &Net{
		Net: over, cfg: cfg, wake: make(chan struct{}, 1), done: make(chan struct{}),
		byHeader: make(map[header]*stream), sockets: make(map[*socket]struct{}),
	}
	go n.run()
	return n, nil
}

// machineNet is the machine's network. Unlike stdnet.Net, it lists the interfaces anew
// each time.
type machineNet struct{ *stdnet.Net }

// Interfaces implements transport.Net.
func (machineNet) Interfaces() ([]*transport.Interface, error) {
	fresh, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return fresh.Interfaces()
}

// Close waits until everything is sent, at its time, and closes all sockets. Nothing more
// can be sent.
func (n *Net) Close() error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.signal()
	<-n.done
	return nil
}

// Streams returns what was counted until now, in the order in which the streams began.
func (n *Net) Streams() []Stream {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]Stream, len(n.streams))
	for i, s := range n.streams {
		all[i] = s.Stream
	}
	return all
}

// Config returns what New was given, or Change last.
func (n *Net) Config() Config {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cfg
}

// Change changes what happens to what is sent from now on, except for the seed. What is
// queued already is sent at its time. The error is that of Config.Check.
func (n *Net) Change(cfg Config) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	cfg.Seed = n.cfg.Seed
	n.cfg = cfg
	return nil
}

// signal wakes run.
func (n *Net) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// run sends what is due, until the Net is closed and everything is sent.
func (n *Net) run() {
	defer close(n.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		p, wait, end := n.next()
		switch {
		case p != nil:
			n.deliver(p)
			continue
		case end:
			return
		case wait >= 0:
			timer.Reset(wait)
		default:
			timer.Stop()
		}
		select {
		case <-timer.C:
		case <-n.wake:
		}
	}
}

// next returns the packet that is due, or how long to wait for one. At the end, it has
// closed all sockets.
func (n *Net) next() (p *packet, wait time.Duration, end bool) {
	n.mu.Lock()
	p, wait = n.queue.take(time.Now())
	if p != nil && p.stream.held == p {
		p.stream.held = nil
	}
	end = n.closed && p == nil && wait < 0
	var left []*socket
	if end {
		for s := range n.sockets {
			left = append(left, s)
		}
	}
	n.mu.Unlock()
	for _, s := range left {
		_ = s.Close()
	}
	return p, wait, end
}

// deliver sends a packet, and closes its socket if that was the last one of a closed socket.
func (n *Net) deliver(p *packet) {
	err := p.socket.write(p.data, p.to)
	n.mu.Lock()
	if err != nil {
		p.stream.Failed++
	} else {
		p.stream.Delivered++
	}
	p.socket.waiting--
	last := p.socket.closed && p.socket.waiting == 0
	n.mu.Unlock()
	if last {
		_ = p.socket.conn.Close()
	}
}

// streamOf returns the stream of a header. mu must be held.
func (n *Net) streamOf(h header) *stream {
	if s, ok := n.byHeader[h]; ok {
		return s
	}
	if len(n.streams) >= maxStreams && h.kind == RTP {
		return n.streamOf(header{kind: Other}) // the other kinds are few
	}
	before := 0
	for _, s := range n.streams {
		if s.Kind == h.kind && s.PayloadType == h.payloadType {
			before++
		}
	}
	s := newStream(h, n.cfg.Seed, before)
	n.streams = append(n.streams, s)
	n.byHeader[h] = s
	return s
}
