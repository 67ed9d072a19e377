package turnserver

import "time"

// NewWithTimeouts is New with other timeouts: for the TLS handshake, the first message, a client
// without an allocation, and a write.
func NewWithTimeouts(config Config, handshake, first, idle, write time.Duration) (*Server, error) {
	return newServer(config, serverTimeouts{handshake: handshake, stream: streamTimeouts{first: first, idle: idle, write: write}})
}

// Open returns how many allocations and reservations count in the quotas.
func (s *Server) Open() int {
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	return s.registry.open
}

// SetCheckRate sets the rate limit of checks.
func (s *Server) SetCheckRate(bytesPerSecond int) { s.checkRate = bytesPerSecond }
