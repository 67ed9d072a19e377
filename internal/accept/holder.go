package accept

import (
	"container/heap"
	"net/netip"
)

// holder is a client address that has connections. The mutex of its table guards it.
type holder struct {
	client  netip.Addr
	exempt  bool
	total   int // connections
	waiting queue
	busy    queue
	index   int // in the heap; -1 = not in it
}

// weight returns how many connections of the address can be displaced by those of
// others.
func (h *holder) weight() int {
	if h.exempt {
		return 0
	}
	return h.waiting.len + h.busy.len
}

// oldest returns the connection of the address that is displaced first.
func (h *holder) oldest() *Conn {
	if h.waiting.first != nil {
		return h.waiting.first
	}
	return h.busy.first
}

// queue is an intrusive linked list of connections.
type queue struct {
	first, last *Conn
	len         int
}

func (q *queue) push(c *Conn) {
	c.previous, c.next = q.last, nil
	if q.last != nil {
		q.last.next = c
	} else {
		q.first = c
	}
	q.last = c
	q.len++
}

func (q *queue) remove(c *Conn) {
	if c.previous != nil {
		c.previous.next = c.next
	} else {
		q.first = c.next
	}
	if c.next != nil {
		c.next.previous = c.previous
	} else {
		q.last = c.previous
	}
	c.previous, c.next = nil, nil
	q.len--
}

// holderHeap is a heap with the holder of the largest weight on top. Holders of weight
// 0 are not in it.
type holderHeap []*holder

// most returns the holder of the largest weight, or nil.
func (s holderHeap) most() *holder {
	if len(s) == 0 {
		return nil
	}
	return s[0]
}

// fix must be called when the weight of h may have changed.
func (s *holderHeap) fix(h *holder) {
	switch there := h.index >= 0; {
	case !there && h.weight() > 0:
		heap.Push(s, h)
	case there && h.weight() == 0:
		heap.Remove(s, h.index)
	case there:
		heap.Fix(s, h.index)
	}
}

// Len implements heap.Interface, like the following methods.
func (s holderHeap) Len() int { return len(s) }

// Less puts the largest first.
func (s holderHeap) Less(i, j int) bool { return s[i].weight() > s[j].weight() }

// Swap keeps the holders' indexes.
func (s holderHeap) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push adds a holder.
func (s *holderHeap) Push(h any) {
	added := h.(*holder) //nolint:forcetypeassert // only fix calls it
	added.index = len(*s)
	*s = append(*s, added)
}

// Pop removes the last holder.
func (s *holderHeap) Pop() any {
	last := len(*s) - 1
	removed := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	removed.index = -1
	return removed
}
