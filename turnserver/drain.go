package turnserver

import (
	"context"
	"fmt"
)

// Drain refuses new allocations from now on, with 508 (Insufficient Capacity),
// so that clients try another server. Those that live go on, and can be
// refreshed. It returns nil when none is left, or ctx's cause when ctx ends
// first; new ones are refused afterwards, too, until the server is closed.
func (s *Server) Drain(ctx context.Context) error {
	drained := s.relays.drain()
	select {
	case <-drained:
		return nil
	default:
	}
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("drain TURN server: %w", context.Cause(ctx))
	}
}
