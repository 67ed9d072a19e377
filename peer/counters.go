package peer

import (
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/stats"
)

// maxCounted is the number of streams whose final statistics are kept.
const maxCounted = 64

// counters holds the RTP statistics of one connection. Pion discards those of a
// stream when it ends, and ends all streams when the other side closes the
// connection, so counters saves them just before. It must be registered before the
// interceptor that counts.
type counters struct {
	interceptor.NoOp

	mu     sync.Mutex
	getter stats.Getter
	final  map[uint32]stats.Stats
}

// NewInterceptor implements interceptor.Factory. It returns c itself, for the one
// connection.
func (c *counters) NewInterceptor(string) (interceptor.Interceptor, error) { return c, nil }

// UnbindLocalStream implements interceptor.Interceptor.
func (c *counters) UnbindLocalStream(s *interceptor.StreamInfo) { c.save(s.SSRC) }

// UnbindRemoteStream implements interceptor.Interceptor.
func (c *counters) UnbindRemoteStream(s *interceptor.StreamInfo) { c.save(s.SSRC) }

func (c *counters) save(ssrc uint32) {
	numbers, ok := c.get(ssrc)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.final) < maxCounted {
		c.final[ssrc] = numbers
	}
}

// get returns the statistics of a stream; false if none are known.
func (c *counters) get(ssrc uint32) (stats.Stats, bool) {
	c.mu.Lock()
	getter := c.getter
	numbers, ok := c.final[ssrc]
	c.mu.Unlock()
	if ok || getter == nil {
		return numbers, ok
	}
	live := getter.Get(ssrc)
	if live == nil {
		return stats.Stats{}, false
	}
	return *live, true
}

// setGetter sets the source of live statistics.
func (c *counters) setGetter(_ string, g stats.Getter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.getter = g
}
