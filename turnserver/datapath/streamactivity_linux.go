package datapath

// busyScore is how many more rounds with something from streams than without it takes
// until an engine no longer blocks in its epoll.
const busyScore = 16

// streamActivity compares how often an engine has something to do with how often streams
// bring something: Go's poller is awake for those anyway.
type streamActivity struct {
	streamReads uint64 // Path.streamReads when the engine looked last
	score       int    // rounds with something from streams minus those without, from 0 to busyScore
}

// endRound counts a round of the engine. streamReads is that of the path.
func (b *streamActivity) endRound(streamReads uint64) {
	if streamReads == b.streamReads {
		b.score = max(b.score-1, 0)
		return
	}
	b.streamReads = streamReads
	b.score = min(b.score+1, busyScore)
}

// busy reports whether streams have brought something as often for a while, idle whether
// that is over.
func (b *streamActivity) busy() bool { return b.score == busyScore }
func (b *streamActivity) idle() bool { return b.score == 0 }
