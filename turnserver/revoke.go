package turnserver

// The reasons why an allocation ended.
const (
	endDeleted    = "deleted"
	endExpired    = "expired"
	endKicked     = "kicked"
	endRevoked    = "revoked"
	endDisplaced  = "displaced"
	endClientGone = "client_gone"
	endClosed     = "closed"
	endFailed     = "failed"
)

// Kick ends the allocations of a user, without waiting for that, and returns how many they are.
// The user may make new ones until its credential expires; see Revoke.
func (s *Server) Kick(user string) int { return s.end(user, endKicked) }

// Revoke is for an operator. It ends the allocations of a user, without waiting for that, and
// returns how many they are. It refuses the user's credentials, including new ones, until every
// credential made before has expired, and for at least an hour. Neither Restore nor the
// suspension of others ends that. The only error is ErrTooManyRevoked.
func (s *Server) Revoke(user string) (int, error) {
	if err := s.credentials.revoked.revoke(user, s.credentials.now()); err != nil {
		return 0, err
	}
	return s.end(user, endRevoked), nil
}

// Suspend is for users who leave. It does what Revoke does, until Restore. When more users are
// suspended than the server remembers (65,536), the one that was suspended first is forgotten.
// It may be called with a lock held.
func (s *Server) Suspend(user string) int {
	s.credentials.revoked.suspend(user, s.credentials.now())
	return s.end(user, endRevoked)
}

// Restore accepts the credentials of a suspended user again.
func (s *Server) Restore(user string) { s.credentials.revoked.restore(user) }

// end ends the live allocations of a user and, when it is revoked, its reservations.
func (s *Server) end(user, reason string) int {
	if reason == endRevoked && !s.reserved.empty() {
		s.unlessClosed(func() { s.reserved.removeUser(user) })
	}
	return s.endAllocations(s.registry.allocationsOf(user), reason)
}

func (s *Server) endAllocations(allocations []*allocation, reason string) int {
	for _, a := range allocations {
		a.setEndReason(reason)
	}
	if len(allocations) > 0 {
		s.unlessClosed(func() {
			for _, a := range allocations {
				a.end()
			}
		})
	}
	return len(allocations)
}

// unlessClosed calls do on a goroutine of the server. When the server is closed it does nothing,
// since all allocations end anyway.
func (s *Server) unlessClosed(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Go(do)
	}
}
