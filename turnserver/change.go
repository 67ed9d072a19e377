package turnserver

import "net/netip"

// SetSecrets replaces the shared secrets: the first signs from now on, and all
// are accepted. An old secret should stay behind the new one for as long as the
// credentials that it signed are good for making allocations; those that live
// go on without it. An error leaves the secrets as they were.
func (s *Server) SetSecrets(secrets [][]byte) error {
	if err := validateSecrets(secrets); err != nil {
		return err
	}
	s.credentials.secrets.Store(&secrets)
	return nil
}

// SetUsers replaces the fixed users. The allocations of those that are gone, or
// have another password, end; it does not wait for that. An error leaves the
// users as they were.
func (s *Server) SetUsers(users []User) error {
	keys, err := newUserKeys(users, s.credentials.realm)
	if err != nil {
		return err
	}
	s.credentials.users.Store(&keys)
	s.endRelays(s.relays.orphans(), endRevoked)
	return nil
}

// SetPublicIPs replaces Config.PublicIPs: relays that are made from now on are
// advertised under the new addresses, and those that live keep theirs. An error
// leaves the addresses as they were.
func (s *Server) SetPublicIPs(publicIPs []netip.Addr) error {
	if err := s.addresses.setPublic(publicIPs); err != nil {
		return err
	}
	s.policy.serves(publicIPs)
	return nil
}

// SetPeers replaces Config.AllowPeers and Config.DenyPeers, also for what the
// relays that live send and receive from now on.
func (s *Server) SetPeers(allow, deny []netip.Prefix) {
	s.policy.set(allow, deny)
}
