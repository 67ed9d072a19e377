//go:build linux

package main

// remembered is how many of the last sequence numbers of a flow are stored.
const remembered = 1 << 16

// arrival classifies a packet by those before it.
type arrival int

const (
	fresh     arrival = iota // new, and in order
	overtaken                // new, but after a later one
	duplicate                // it has arrived before, or is so old that it is unknown
)

// tracker records which packets of a flow have arrived.
type tracker struct {
	next uint32 // one more than the highest number so far
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
