package peer

import (
	"context"
	"sync"
)

// frameCount counts the complete video frames of a call, on all its connections. It is the
// Sink of the call, and passes everything on.
type frameCount struct {
	sink Sink // may be nil

	mu      sync.Mutex
	count   int
	waiting map[chan struct{}]int // what to close, and at which count
}

// Frame implements Sink.
func (f *frameCount) Frame(r ReceivedFrame) {
	if f.sink != nil {
		f.sink.Frame(r)
	}
	if r.Codec.Kind() != "video" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	for enough, count := range f.waiting {
		if f.count >= count {
			close(enough)
			delete(f.waiting, enough)
		}
	}
}

// Packet implements PacketSink.
func (f *frameCount) Packet(p ReceivedPacket) {
	if packets, ok := f.sink.(PacketSink); ok {
		packets.Packet(p)
	}
}

// wait returns a channel that is closed when there are n frames.
func (f *frameCount) wait(n int) chan struct{} {
	enough := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count >= n {
		close(enough)
		return enough
	}
	if f.waiting == nil {
		f.waiting = make(map[chan struct{}]int)
	}
	f.waiting[enough] = n
	return enough
}

// forget ends a wait.
func (f *frameCount) forget(enough chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiting, enough)
}

// WaitFrames waits until n complete video frames have been received since the beginning of
// the call. The error is an [*EndedError] if the call ends before, or the cause of the end
// of ctx.
func (c *Call) WaitFrames(ctx context.Context, n int) error {
	enough := c.frames.wait(n)
	defer c.frames.forget(enough)
	return c.await(ctx, enough)
}
