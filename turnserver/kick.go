package turnserver

// Why an allocation ended.
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

// Kick ends the allocations of a user, and returns how many that are. While its
// credential lasts the user may make new ones; see Revoke. Kick does not wait
// for the end.
func (s *Server) Kick(user string) int { return s.end(user, endKicked) }

// Revoke is for an operator: it ends the allocations of a user and refuses its
// credentials, also those that are made from now on, until every one that was
// made before has expired, and for an hour at least. Neither Restore nor the
// departures of others lift that. It returns how many allocations it ends, does
// not wait for their end, and fails with ErrTooManyRevoked only.
func (s *Server) Revoke(user string) (int, error) {
	if err := s.credentials.revoked.revoke(user, s.credentials.now()); err != nil {
		return 0, err
	}
	return s.end(user, endRevoked), nil
}

// Suspend is for users who leave: it does what Revoke does, until Restore. With
// more suspended users than the server remembers, the first of them is
// forgotten. It may be called under a lock.
func (s *Server) Suspend(user string) int {
	s.credentials.revoked.suspend(user, s.credentials.now())
	return s.end(user, endRevoked)
}

// Restore accepts the credentials of a suspended user again.
func (s *Server) Restore(user string) { s.credentials.revoked.restore(user) }

// end ends the allocations that a user has now and, when it is revoked, what is
// reserved for it.
func (s *Server) end(user, reason string) int {
	if reason == endRevoked && !s.reserved.empty() {
		s.unlessClosed(func() { s.reserved.drop(user) })
	}
	return s.endRelays(s.relays.relaysOf(user), reason)
}

func (s *Server) endRelays(relays []*relay, reason string) int {
	for _, r := range relays {
		r.endsBecause(reason)
	}
	if len(relays) > 0 {
		s.unlessClosed(func() {
			for _, r := range relays {
				r.end()
			}
		})
	}
	return len(relays)
}

// unlessClosed does something to relays on a goroutine of the server. When that
// is closed they end by themselves.
func (s *Server) unlessClosed(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Go(do)
	}
}
