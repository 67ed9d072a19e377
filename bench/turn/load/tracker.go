//go:build linux

package main

// remembered is how many of the last sequence numbers of a flow are known one
// by one.
const remembered = 1 << 16

// arrival is what a packet is to those before it.
type arrival int

const (
	fresh     arrival = iota // new, and in order
	overtaken                // new, but a later one came before it
	duplicate                // it was there before, or so long ago that nobody knows
)

// tracker knows which packets of a flow have come.
type tracker struct {
	next uint32 // the number after the highest that has come
	seen [remembered / 64]uint64
}

func (t *tracker) take(sequence uint32) arrival {
	if sequence < t.next {
		if t.next-sequence > remembered || t.has(sequence) {
			return duplicate
		}
		t.mark(sequence)
		return overtaken
	}
	if sequence-t.next >= remembered {
		clear(t.seen[:])
	} else {
		for missed := t.next; missed < sequence; missed++ {
			t.seen[missed%remembered/64] &^= 1 << (missed % 64)
		}
	}
	t.mark(sequence)
	t.next = sequence + 1
	return fresh
}

func (t *tracker) has(sequence uint32) bool {
	return t.seen[sequence%remembered/64]&(1<<(sequence%64)) != 0
}

func (t *tracker) mark(sequence uint32) { t.seen[sequence%remembered/64] |= 1 << (sequence % 64) }
