package turnserver

import (
	"context"
	"fmt"
)

// Drain refuses new allocations from now on, with 508 (Insufficient Capacity), so that clients
// try another server. Live ones go on and can be refreshed. Drain returns nil when none is
// left, or the cause of ctx when ctx ends first. Afterwards new ones are still refused, until
// the server is closed.
func (s *Server) Drain(ctx context.Context) error {
	drained := s.registry.drain()
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
