package impair

import (
	"container/heap"
	"net"
	"time"
)

// packet is a datagram on its way, or a write to a TCP connection.
type packet struct {
	due    time.Time
	number uint64 // of packets that are due at the same time, the lowest is sent first
	index  int    // in the queue

	stream *stream
	socket *socket
	data   []byte
	to     net.Addr // nil for a connected socket
}

// queue holds packets by the time at which they are due. It implements heap.Interface;
// use add, first and remove instead.
type queue []*packet

// Len implements heap.Interface.
func (q queue) Len() int { return len(q) }

// Less implements heap.Interface.
func (q queue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].number < q[j].number
	}
	return q[i].due.Before(q[j].due)
}

// Swap implements heap.Interface.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	p := x.(*packet) //nolint:forcetypeassert // add pushes nothing else
	p.index = len(*q)
	*q = append(*q, p)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return p
}

func (q *queue) add(p *packet) { heap.Push(q, p) }

// move gives a packet that is in the queue another time and number.
func (q *queue) move(p *packet, due time.Time, number uint64) {
	p.due, p.number = due, number
	heap.Fix(q, p.index)
}

// take removes and returns the first packet if it is due. Otherwise it returns nil and how
// long to wait; a negative time means that the queue is empty.
func (q *queue) take(now time.Time) (p *packet, wait time.Duration) {
	if len(*q) == 0 {
		return nil, -1
	}
	if wait := (*q)[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(q).(*packet), 0 //nolint:forcetypeassert // add pushes nothing else
}
