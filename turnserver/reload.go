package turnserver

import "net/netip"

// SetSecrets replaces the shared secrets: from now on the first signs, and all are accepted.
// An old secret should stay in the list, after the new one, until the credentials that it
// signed have expired. Live allocations go on without it. On an error the secrets stay as
// they were.
func (s *Server) SetSecrets(secrets [][]byte) error {
	if err := validateSecrets(secrets); err != nil {
		return err
	}
	s.credentials.secrets.Store(&secrets)
	return nil
}

// SetUsers replaces the fixed users. It ends the allocations of those that are gone, or have
// another password, and does not wait for that. On an error the users stay as they were.
func (s *Server) SetUsers(users []User) error {
	keys, err := newUserKeys(users, s.credentials.realm)
	if err != nil {
		return err
	}
	s.credentials.users.Store(&keys)
	s.endAllocations(s.registry.orphans(), endRevoked)
	return nil
}

// SetPublicIPs replaces Config.PublicIPs. New allocations are advertised at the new addresses,
// live ones keep theirs. On an error the addresses stay as they were.
func (s *Server) SetPublicIPs(publicIPs []netip.Addr) error {
	if err := s.addresses.setPublic(publicIPs); err != nil {
		return err
	}
	s.policy.addServing(publicIPs)
	return nil
}

// SetPeers replaces Config.AllowPeers and Config.DenyPeers, also for what live allocations
// send and receive from now on.
func (s *Server) SetPeers(allow, deny []netip.Prefix) {
	s.policy.set(allow, deny)
}
