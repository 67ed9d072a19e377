package turnserver

// Why an allocation ended.
const (
	endDeleted    = "deleted"
	endExpired    = "expired"
	endKicked     = "kicked"
	endRevoked    = "revoked"
	endClientGone = "client_gone"
	endClosed     = "closed"
	endFailed     = "failed"
)

// Kick ends the allocations of a user, and returns how many that are. While its
// credential lasts the user may make new ones; see Revoke. Kick does not wait
// for the end.
func (s *Server) Kick(user string) int { return s.end(user, endKicked) }

// Revoke ends the allocations of a user and refuses its credentials, also those
// that are made from now on, until Restore, or until every one that was made
// before has expired. It does not wait for the end, and may be called under a
// lock.
func (s *Server) Revoke(user string) int {
	s.credentials.revoked.add(user, s.credentials.now())
	return s.end(user, endRevoked)
}

// Restore accepts the credentials of a user again.
func (s *Server) Restore(user string) { s.credentials.revoked.remove(user) }

// end ends the allocations that a user has now.
func (s *Server) end(user, reason string) int {
	return s.endRelays(s.relays.relaysOf(user), reason)
}

func (s *Server) endRelays(relays []*relay, reason string) int {
	for _, r := range relays {
		r.endsBecause(reason)
	}
	if len(relays) == 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed { // else they end by themselves
		s.work.Go(func() {
			for _, r := range relays {
				r.end()
			}
		})
	}
	return len(relays)
}
