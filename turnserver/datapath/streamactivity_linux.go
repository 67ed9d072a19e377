package datapath

// busyScore is how many more rounds with something from streams than without it takes
// until an engine no longer blocks in its epoll.
const manyStreamed = 16

// streamActivity compares how often an engine has something to do with how often streams
// bring something: Go's poller is awake for those anyway.
type beside struct {
	streamed uint64 // Path.streamReads when the engine looked last
	more     int    // rounds with something from streams minus those without, from 0 to busyScore
}

// endRound counts a round of the engine. streamReads is that of the path.
func (b *beside) end(streamed uint64) {
	if streamed == b.streamed {
		b.more = max(b.more-1, 0)
		return
	}
	b.streamed = streamed
	b.more = min(b.more+1, manyStreamed)
}

// busy reports whether streams have brought something as often for a while, idle whether
// that is over.
func (b *beside) often() bool  { return b.more == manyStreamed }
func (b *beside) seldom() bool { return b.more == 0 }
