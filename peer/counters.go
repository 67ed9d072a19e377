package peer

import (
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/stats"
)

// maxCounted bounds the streams whose last numbers are kept.
const maxCounted = 64

// counters are the RTP statistics of one connection. Pion forgets those of a stream
// that ends, and ends all of them when the other side closes the connection: so
// they are taken down just before. It must be registered before the interceptor that counts.
type counters struct {
	interceptor.NoOp

	mu     sync.Mutex
	getter stats.Getter
	final  map[uint32]stats.Stats
}

// NewInterceptor implements interceptor.Factory; a connection has one.
func (c *counters) NewInterceptor(string) (interceptor.Interceptor, error) { return c, nil }

// UnbindLocalStream implements interceptor.Interceptor.
func (c *counters) UnbindLocalStream(s *interceptor.StreamInfo) { c.takeDown(s.SSRC) }

// UnbindRemoteStream implements interceptor.Interceptor.
func (c *counters) UnbindRemoteStream(s *interceptor.StreamInfo) { c.takeDown(s.SSRC) }

func (c *counters) takeDown(ssrc uint32) {
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

// get returns the numbers of a stream; false when none are known.
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

// counted sets where live numbers come from.
func (c *counters) counted(_ string, g stats.Getter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.getter = g
}
