package signaling

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"callbox/signaling/protocol"
)

// reconnectAfter is what clients are told when the server goes down: they
// reconnect after a random part of it.
const reconnectAfter = 5 * time.Second

// Server is a signaling server. Its handlers are safe for concurrent use.
type Server struct {
	// Static after construction.
	config     Config
	log        *slog.Logger
	started    time.Time
	origins    origins
	frames     rate
	addresses  *addresses
	memory     Memory
	rooms      *rooms
	kicks      kicks
	tokens     atomic.Pointer[tokenKeys] // SetSessionSecrets replaces it
	counters   counters
	lastNumber atomic.Uint64 // the number of the newest connection
	sources    eventSources
	done       chan struct{}  // closed by Close
	running    sync.WaitGroup // every connection, and every goroutine except those of the pollers
	pollers    pollers
	closing    atomic.Bool // set with mu held

	mu          sync.Mutex // guards the following
	connections map[*connection]struct{}
	admitted    int // connections, and those that are about to be
}

// New returns a server that runs; [Server.Close] ends it. The error joins every
// fault that config has.
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
		memory:    config.Memory,
		done:      make(chan struct{}),

		connections: make(map[*connection]struct{}),
	}
	if s.memory == nil {
		s.memory = unbounded{}
	}
	s.setTokenKeys(config.SessionSecrets)
	s.rooms = newRooms(s)
	s.pollers.init()
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.kicks.store = config.Kicks
	if err := s.kicks.load(); err != nil {
		s.log.Error("cannot load the kicks from before: tokens of kicked peers may be valid again", "err", err)
	}
	s.running.Go(s.keepAlive)
	return s, nil
}

// Close tells every client that the server is going down, sends what is queued
// for it, closes its connection with 1001 and waits until all goroutines have
// ended. When ctx ends first, Close aborts the remaining connections, waits for
// the goroutines all the same, and returns the cause of ctx.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing.Load() {
		s.closing.Store(true)
		close(s.done)
	}
	connections := slices.Collect(maps.Keys(s.connections))
	s.mu.Unlock()

	var fx effects
	for _, each := range connections {
		each.sendNotice(protocol.Closing{After: protocol.SecondsOf(reconnectAfter)}, &fx)
		each.close(protocol.CloseGoingAway, "the server is going down", &fx)
		fx.apply()
	}
	ended := make(chan struct{})
	go func() { // ends with the last goroutine, which Close waits for
		s.running.Wait()
		s.pollers.close()
		close(ended)
	}()
	var cause error
	select {
	case <-ended:
	case <-ctx.Done():
		cause = context.Cause(ctx)
		for _, each := range connections {
			each.transport.abort()
		}
		<-ended
	}
	s.rooms.removeAll(&fx)
	fx.apply()
	return cause
}

func (s *Server) isClosing() bool { return s.closing.Load() }

// uptime returns the time since the server's start.
func (s *Server) uptime() time.Duration { return time.Since(s.started) }

// startConnection adds c to the server's connections and calls run, which starts
// its transport. It returns false, and does neither, when the server is closing.
func (s *Server) startConnection(c *connection, run func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.connections[c] = struct{}{}
	run()
	return true
}

// removeConnection removes c from the server's connections and gives back
// everything that was counted for it. It is the last call that a transport
// makes.
func (s *Server) removeConnection(c *connection) {
	s.mu.Lock()
	delete(s.connections, c)
	s.mu.Unlock()
	c.mu.Lock()
	c.account.releaseAll(s.memory, c.addr)
	c.mu.Unlock()
	s.releaseConnection(c.addr)
}

func (s *Server) iceServers(peer string, arrived netip.Addr) ([]protocol.ICEServer, protocol.Seconds) {
	if s.config.ICEServers == nil {
		return nil, 0
	}
	servers, ttl := s.config.ICEServers(peer, arrived)
	return servers, protocol.SecondsOf(ttl)
}

func (s *Server) rateLimitedError(id uint64, message string, wait time.Duration) protocol.Error {
	s.counters.rateLimited.Add(1)
	return protocol.Error{
		ID: id, Code: protocol.CodeRateLimited, Message: message,
		Retry: true, After: protocol.SecondsOf(wait.Round(time.Millisecond) + time.Millisecond),
	}
}
