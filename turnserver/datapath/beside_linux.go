package datapath

// manyStreamed is how many more rounds with something from streams than without have
// an engine no longer wait by itself.
const manyStreamed = 16

// beside compares how often an engine has something to do with how often streams
// bring something.
type beside struct {
	streamed uint64 // of the path, when the engine looked last
	more     int    // rounds with something from streams, less those without, between 0 and manyStreamed
}

// end ends a round of the engine's.
func (b *beside) end(streamed uint64) {
	if streamed == b.streamed {
		b.more = max(b.more-1, 0)
		return
	}
	b.streamed = streamed
	b.more = min(b.more+1, manyStreamed)
}

// often says whether it was as often for a while, seldom whether it is no longer.
func (b *beside) often() bool  { return b.more == manyStreamed }
func (b *beside) seldom() bool { return b.more == 0 }
