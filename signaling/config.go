package signaling

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"callbox/signaling/protocol"
)

// Defaults of a server.
const (
	DefaultCapacity = 2
	DefaultPing     = 15 * time.Second
	DefaultGrace    = 30 * time.Second
)

// MinSecretBytes is the length of the shortest session secret that New accepts: that of
// what HMAC-SHA256 makes (RFC 2104, section 3).
const MinSecretBytes = 32

// Config says how a [Server] behaves. The zero value is a server without any
// limit and without pings; see [DefaultLimits] and [DefaultPing].
type Config struct {
	// Capacity is how many seats a room has; 0 = no limit.
	Capacity int
	// Ping is the time between two pings to a client. A client that is silent
	// for two of them is taken for gone. 0 = no pings, and nobody is.
	Ping time.Duration
	// Grace is how long the seat of a client whose connection broke is held,
	// from its last sign of life; at most half of ResumeLife. 0 = not at all.
	Grace time.Duration
	// SessionSecrets sign the tokens that take a seat back: the first signs,
	// all verify, so that secrets can be changed while clients come back. Each
	// has 16 bytes at least. None = a random one, and no token outlives the
	// server.
	SessionSecrets [][]byte
	// Authorize decides about a join that has no seat yet, by the token that it
	// shows (which may be empty) and the room's canonical name. An error
	// refuses, and its text is told to the client: say what to do, and nothing
	// that a stranger must not know. nil = everybody may join. It is called by
	// many goroutines at once, and must not block: other clients wait for it.
	Authorize func(token, room string) (Grant, error)
	// Kicks keeps whom the operator put out beyond the server's end; nil =
	// nothing does.
	Kicks KickStore
	// Limits bounds what a client may do.
	Limits Limits
	// Memory bounds what all clients together may make the server hold: seats,
	// messages that wait for their reader, unfinished frames. At its bound
	// whoever wants more is refused, and calls that run go on. nil = no bound.
	Memory Memory
	// AllowedOrigins are web origins, such as https://example.org, whose pages
	// may use this server, beside its own.
	AllowedOrigins []string
	// OriginRefused is told of each request that was refused for its Origin.
	// nil = nobody wants to know. It is called by many goroutines at once, and
	// must not block.
	OriginRefused func(*http.Request)
	// ICEServers makes the ICE servers for a peer, and says how long their
	// credentials are good for (0 = without limit). arrived is the local
	// address that the peer's request came in at; it may be invalid. nil =
	// there are none. It is called by many goroutines at once, and must not
	// block.
	ICEServers func(peer string, arrived netip.Addr) ([]protocol.ICEServer, time.Duration)
	// Seated is told that a peer has a seat from now on, or none any more; one
	// whose connection broke has its seat until its grace time is over, and those
	// of a server that goes down keep theirs. nil = nobody wants to know. It is
	// called in the order in which it happens, under a lock: it must not block,
	// nor call the server.
	Seated func(peer string, seated bool)
	// ClientAddr tells a request's client address, which limits count by.
	// nil = the other end of the TCP connection.
	ClientAddr func(*http.Request) netip.Addr
	// Report gets what clients report; nil = it is only logged. It is called
	// by many goroutines at once, and must not block; data may be nil and is
	// the callee's to keep.
	Report func(peer, event string, data json.RawMessage)
	// Logger takes the server's log; nil = none.
	Logger *slog.Logger
}

// Limits bounds what a client may do. In each field 0 = no limit.
type Limits struct {
	FrameBytes int // largest frame, in bytes
	RoomName   int // longest name of a room, in code points
	PeerName   int // longest name of a peer, in code points

	FramesPerSecond int // for each connection
	FrameBurst      int // 0 = twice FramesPerSecond
	JoinsPerSecond  int // for each address; an IPv6 address counts with its /64
	JoinBurst       int // 0 = ten times JoinsPerSecond
	Connections     int // at once, for each address; and seats, those of broken connections included
	AllConnections  int // at once, of all addresses

	JoinWithin  time.Duration // a connection that has not joined after it is closed
	QueueEvents int           // messages that a client has not confirmed
	QueueBytes  int           // and their size, in bytes
}

// fits tells whether a message of size bytes may be added to those that wait.
func (l *Limits) fits(messages, bytes, size int) bool {
	return (l.QueueEvents == 0 || messages < l.QueueEvents) && (l.QueueBytes == 0 || bytes+size <= l.QueueBytes)
}

// DefaultLimits returns the limits of the protocol's text.
func DefaultLimits() Limits {
	return Limits{
		FrameBytes:      64 << 10,
		RoomName:        protocol.MaxRoomName,
		PeerName:        protocol.MaxPeerName,
		FramesPerSecond: 100,
		FrameBurst:      200,
		JoinsPerSecond:  20,
		JoinBurst:       200,
		Connections:     200,
		JoinWithin:      10 * time.Second,
		QueueEvents:     256,
		QueueBytes:      1 << 20,
	}
}

// validate tells every fault of c at once.
func (c *Config) validate() error {
	var faults []error
	if c.Capacity < 0 {
		faults = append(faults, fmt.Errorf("room capacity %d is negative", c.Capacity))
	}
	if c.Ping < 0 {
		faults = append(faults, fmt.Errorf("ping interval %v is negative", c.Ping))
	}
	if c.Grace < 0 || c.Grace > ResumeLife/2 {
		faults = append(faults, fmt.Errorf("grace time %v is not from 0 to %v", c.Grace, ResumeLife/2))
	}
	faults = append(faults, validateSecrets(c.SessionSecrets))
	l := c.Limits
	for _, limit := range []struct {
		name  string
		value int
	}{
		{"frame size", l.FrameBytes},
		{"room name", l.RoomName},
		{"peer name", l.PeerName},
		{"frames per second", l.FramesPerSecond},
		{"frame burst", l.FrameBurst},
		{"joins per second", l.JoinsPerSecond},
		{"join burst", l.JoinBurst},
		{"connections", l.Connections},
		{"connections in all", l.AllConnections},
		{"time to join", int(l.JoinWithin)},
		{"queued events", l.QueueEvents},
		{"queued bytes", l.QueueBytes},
	} {
		if limit.value < 0 {
			faults = append(faults, fmt.Errorf("limit of %s %d is negative", limit.name, limit.value))
		}
	}
	for _, origin := range c.AllowedOrigins {
		if _, err := parseOrigin(origin); err != nil {
			faults = append(faults, fmt.Errorf("allowed origin %q: %w", origin, err))
		}
	}
	return errors.Join(faults...)
}

func validateSecrets(secrets [][]byte) error {
	var faults []error
	for i, secret := range secrets {
		if len(secret) < MinSecretBytes {
			faults = append(faults, fmt.Errorf("session secret %d is shorter than %d bytes", i+1, MinSecretBytes))
		}
	}
	return errors.Join(faults...)
}
