package turnserver

import "net/netip"

// SetSecrets replaces the shared secrets: the first signs from now on, and all
// are accepted. A call whose credential was signed by a secret that is gone
// ends when its allocation is to be refreshed, so an old secret should stay
// behind the new one for as long as calls last. An error leaves the secrets as
// they were.
func (s *Server) SetSecrets(secrets [][]byte) error {
	if err := validateSecrets(secrets); err != nil {
		return err
	}
	s.credentials.secrets.Store(&secrets)
	return nil
}

// SetPeers replaces Config.AllowPeers and Config.DenyPeers, also for what the
// relays that live send and receive from now on.
func (s *Server) SetPeers(allow, deny []netip.Prefix) {
	s.policy.set(allow, deny)
}
