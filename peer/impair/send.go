package impair

import (
	"bytes"
	"errors"
	"net"
	"time"
)

// errQueueFull says that a TCP connection does not take what is written to it.
var errQueueFull = errors.New("the queue is full")

// send decides about a datagram and queues it. data may be used again afterwards. Like
// a network, it does not report what it loses.
func (n *Net) send(s *socket, data []byte, to net.Addr) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || s.closed {
		return net.ErrClosed
	}
	h := classify(data)
	if s.stream {
		h = header{kind: TCP}
	}
	st := n.streamOf(h)
	st.Packets++
	st.Bytes += int64(len(data))
	f := st.decide(&n.cfg)
	if s.stream {
		f = st.overTCP(f)
	}
	if f.lost {
		st.Lost++
		return nil
	}
	p := n.enqueue(s, st, f.wait, bytes.Clone(data), to)
	switch {
	case p == nil && s.stream:
		return errQueueFull
	case p == nil:
		return nil
	case st.held != nil:
		n.overtake(st, p)
	case f.overtaken:
		n.queue.move(p, p.due.Add(HoldTime), p.number)
		st.held = p
	}
	if f.duplicated {
		st.Duplicated++
		n.enqueue(s, st, f.wait, p.data, to)
	}
	n.signal()
	return nil
}

// enqueue queues a packet; nil = it was dropped.
func (n *Net) enqueue(s *socket, st *stream, wait time.Duration, data []byte, to net.Addr) *packet {
	now := time.Now()
	ready := now
	if n.cfg.Rate > 0 {
		ready = later(now, n.linkFree)
	}
	if ready.Sub(now) > QueueTime && !s.stream || len(n.queue) >= maxQueued {
		st.Dropped++
		return nil
	}
	if n.cfg.Rate > 0 {
		bits := float64(len(data)+headerBytes) * 8
		ready = ready.Add(time.Duration(bits / float64(n.cfg.Rate) * float64(time.Second)))
		n.linkFree = ready
	}
	s.lastDue = later(s.lastDue, ready.Add(wait))
	p := &packet{due: s.lastDue, number: n.number, stream: st, socket: s, data: data, to: to}
	n.number++
	s.waiting++
	n.queue.add(p)
	return p
}

// overtake sends the packet that is held just after p, unless it is due before.
func (n *Net) overtake(st *stream, p *packet) {
	held := st.held
	st.held = nil
	if held.due.Before(p.due) {
		return
	}
	n.queue.move(held, p.due, n.number)
	n.number++
	st.Reordered++
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
