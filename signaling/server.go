package signaling

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"callbox/signaling/protocol"
)

// comeBackAfter is what clients are told when the server goes down: to come
// back after a random part of it.
const comeBackAfter = 5 * time.Second

// Server is a signaling server. Its handlers are safe for concurrent use.
type Server struct {
	// Static after construction.
	config    Config
	log       *slog.Logger
	started   time.Time
	origins   origins
	frames    rate
	addresses *addresses
	rooms     rooms
	counters  counters
	done      chan struct{}  // closed by Close
	running   sync.WaitGroup // every goroutine

	mu       sync.Mutex // guards the following
	closing  bool
	sessions map[*session]struct{}
}

// New makes a server and starts its one goroutine; Close ends it. The error
// joins every fault of config.
func New(config Config) (*Server, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	l := &config.Limits
	if l.FrameBurst == 0 {
		l.FrameBurst = 2 * l.FramesPerSecond
	}
	if l.JoinBurst == 0 {
		l.JoinBurst = 10 * l.JoinsPerSecond
	}
	s := &Server{
		config:    config,
		log:       config.Logger,
		started:   time.Now(),
		origins:   newOrigins(config.AllowedOrigins),
		frames:    newRate(l.FramesPerSecond, l.FrameBurst),
		addresses: newAddresses(l.Connections, newRate(l.JoinsPerSecond, l.JoinBurst)),
		rooms:     newMemoryRooms(),
		done:      make(chan struct{}),
		sessions:  make(map[*session]struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.running.Go(s.watch)
	return s, nil
}

// Close tells every client that the server is going down, sends what is
// queued for it, closes its connection with 1001 and waits until all
// goroutines have ended. When ctx ends first, it cuts the connections that are
// left, waits for the goroutines all the same, and returns the cause.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing {
		s.closing = true
		close(s.done)
	}
	sessions := slices.Collect(maps.Keys(s.sessions))
	s.mu.Unlock()

	for _, each := range sessions {
		each.reply(protocol.Closing{After: protocol.SecondsOf(comeBackAfter)})
		each.end(protocol.CloseGoingAway, "the server is going down", protocol.ReasonTimeout)
	}
	ended := make(chan struct{})
	go func() { // ends when the last goroutine does, which Close waits for
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	for _, each := range sessions {
		each.transport.cut()
	}
	<-ended
	return context.Cause(ctx)
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// uptime is the time since the server's start.
func (s *Server) uptime() time.Duration { return time.Since(s.started) }

// start counts se in and runs its reader, unless the server is closing.
func (s *Server) start(se *session, read func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.sessions[se] = struct{}{}
	s.running.Go(read)
	return true
}

// forget counts se out; its reader calls it last.
func (s *Server) forget(se *session) {
	s.mu.Lock()
	delete(s.sessions, se)
	s.mu.Unlock()
	s.addresses.disconnect(se.addr, time.Now())
}

func (s *Server) iceServers(peer string, arrived netip.Addr) ([]protocol.ICEServer, protocol.Seconds) {
	if s.config.ICEServers == nil {
		return nil, 0
	}
	servers, ttl := s.config.ICEServers(peer, arrived)
	return servers, protocol.SecondsOf(ttl)
}
