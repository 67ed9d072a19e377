package turnserver

import "time"

// NewWithTimeouts is New with other timeouts: of the TLS handshake, of the
// first message, of a client without an allocation, and of a write.
func NewWithTimeouts(config Config, handshake, first, idle, write time.Duration) (*Server, error) {
	return newServer(config, serverTimeouts{handshake: handshake, stream: streamTimeouts{first: first, idle: idle, write: write}})
}

// Open returns how many places in the quotas are taken, by relays and by ports
// that are reserved.
func (s *Server) Open() int {
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	return s.registry.open
}
