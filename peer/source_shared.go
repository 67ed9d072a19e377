package peer

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"callbox/peer/pattern"
)

const (
	// sharedLanes is how many sequences of frames a SharedPattern has, so that not all calls
	// send at the same moment.
	sharedLanes = 10
	// sharedFrames is how many frames of each lane are kept: more than a second of them.
	sharedFrames = 64
)

// SharedPattern makes the test picture for many calls of one process. Each frame is drawn
// once for all calls of a lane, and a call whose Config.Shared it is recognises it by its
// bytes, instead of decoding it and drawing it again.
type SharedPattern struct {
	size  pattern.Size
	step  time.Duration
	start time.Time
	seed  maphash.Seed

	mu    sync.Mutex
	next  int // lane of the next source
	lanes [sharedLanes][sharedFrames]*sharedFrame
	known map[uint64]*sharedFrame // by the hash of data
}

// sharedFrame does not change.
type sharedFrame struct {
	number uint32
	stamp  pattern.Stamp
	hash   uint64
	data   []byte
}

// NewSharedPattern returns a SharedPattern. The size and the rate are those of Pattern.
func NewSharedPattern(size pattern.Size, fps int) (*SharedPattern, error) {
	if err := size.Check(); err != nil {
		return nil, err
	}
	if fps < MinFPS || fps > MaxFPS {
		return nil, fmt.Errorf("%d frames per second: it must be from %d to %d", fps, MinFPS, MaxFPS)
	}
	return &SharedPattern{
		size: size, step: time.Second / time.Duration(fps), start: time.Now(), seed: maphash.MakeSeed(), known: make(map[uint64]*sharedFrame),
	}, nil
}

// Source returns a source for one call. Its first frame has the number that is due then. A
// source that falls behind by more than a second leaves frames out.
func (p *SharedPattern) Source() Source {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	return &sharedSource{pattern: p, lane: p.next % sharedLanes, number: -1}
}

// find returns the stamp of a frame that was drawn not long ago. p may be nil.
func (p *SharedPattern) find(data []byte) (pattern.Stamp, bool) {
	if p == nil {
		return pattern.Stamp{}, false
	}
	hash := maphash.Bytes(p.seed, data)
	p.mu.Lock()
	f := p.known[hash]
	p.mu.Unlock()
	if f == nil || !bytes.Equal(f.data, data) {
		return pattern.Stamp{}, false
	}
	return f.stamp, true
}

// due returns when the frame with a number is due in a lane.
func (p *SharedPattern) due(lane int, number int64) time.Time {
	return p.start.Add(time.Duration(number)*p.step + time.Duration(lane)*p.step/sharedLanes)
}

// frame returns the frame with a number in a lane.
func (p *SharedPattern) frame(lane int, number int64) *sharedFrame {
	p.mu.Lock()
	defer p.mu.Unlock()
	place := &p.lanes[lane][number%sharedFrames]
	n := uint32(number) //nolint:gosec // it may wrap around, after years
	if *place != nil && (*place).number == n {
		return *place
	}
	f := &sharedFrame{number: n, stamp: pattern.Stamp{Number: n, Clock: p.due(lane, number).Truncate(time.Millisecond)}}
	f.data = pattern.AppendFrame(nil, p.size, f.stamp)
	f.hash = maphash.Bytes(p.seed, f.data)
	if old := *place; old != nil && p.known[old.hash] == old {
		delete(p.known, old.hash)
	}
	*place, p.known[f.hash] = f, f
	return f
}

// sharedSource implements Source.
type sharedSource struct {
	pattern *SharedPattern
	lane    int
	number  int64 // of the frame before; -1 = there was none
}

// Codecs implements Source.
func (*sharedSource) Codecs() []Codec { return []Codec{VP8} }

// Next implements Source.
func (s *sharedSource) Next(ctx context.Context, _ Codec) (Sample, error) {
	p := s.pattern
	now := time.Now()
	s.number++
	if now.Sub(p.due(s.lane, s.number)) > maxLag || s.number == 0 {
		s.number = int64(now.Sub(p.due(s.lane, 0))/p.step) + 1
	}
	timer := time.NewTimer(p.due(s.lane, s.number).Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Sample{}, context.Cause(ctx)
	case <-timer.C:
		return Sample{Data: p.frame(s.lane, s.number).data, Duration: p.step}, nil
	}
}
