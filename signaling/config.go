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

// MinSecretBytes is the length of the shortest session secret that New accepts,
// in bytes: the size of an HMAC-SHA256 (RFC 2104, section 3).
const MinSecretBytes = 32

// Config configures a [Server]. The zero value is a server without any limit and
// without pings; see [DefaultLimits] and [DefaultPing].
type Config struct {
	// Capacity is the number of seats in a room; 0 = no limit.
	Capacity int
	// Ping is the time between two pings to a client. A client from which
	// nothing arrives for two of them is considered gone. 0 = the server sends
	// no pings and considers no client gone.
	Ping time.Duration
	// Grace is how long the server holds the seat of a client whose connection
	// broke, counted from the last activity of that client; at most half of
	// [ResumeLife]. 0 = not at all.
	Grace time.Duration
	// SessionSecrets sign the tokens with which clients take their seats back.
	// The first one signs, all of them verify, so that secrets can be changed
	// while clients reconnect. Each has at least [MinSecretBytes]. None = a random
	// secret, and no token outlives the server.
	SessionSecrets [][]byte
	// Authorize decides about a join of a client that has no seat yet. It gets
	// the token in the join, which may be empty, and the canonical name of the
	// room. An error refuses the join, and the client gets the error's text: it
	// should say what to do, and nothing that a stranger must not know. nil =
	// everybody may join. It is called by many goroutines at once, and must not
	// block, because other clients wait for it.
	Authorize func(token, room string) (Grant, error)
	// Echo is a room for test calls; nil = there is none.
	Echo *Echo
	// Kicks stores which peers the operator kicked, so that a restart does not
	// forget them; nil = a restart forgets.
	Kicks KickStore
	// Limits bounds what a client may do.
	Limits Limits
	// Memory bounds what all clients together may make the server hold: seats,
	// messages that wait for their receiver, unfinished frames. At the bound,
	// clients that want more are refused, and calls in progress go on. nil = no
	// bound.
	Memory Memory
	// AllowedOrigins are web origins, such as https://example.org, whose pages
	// may use this server in addition to its own.
	AllowedOrigins []string
	// OriginRefused is called with each request that was refused because of its
	// Origin. nil = nothing is called. It is called by many goroutines at once,
	// and must not block.
	OriginRefused func(*http.Request)
	// ICEServers returns the ICE servers for a peer and how long their
	// credentials are valid (0 = without limit). arrived is the local address at
	// which the peer's request arrived; it may be invalid. nil = there are no
	// ICE servers. It is called by many goroutines at once, and must not block.
	ICEServers func(peer string, arrived netip.Addr) ([]protocol.ICEServer, time.Duration)
	// Seated is called when a peer gets a seat (true) and when it loses its seat
	// (false). A peer whose connection broke keeps its seat until its grace time
	// is over, and the peers of a server that goes down keep theirs. nil =
	// nothing is called. The calls come in the order in which the seats change,
	// with a shard of the room table locked: it must not block, and must not
	// call the server.
	Seated func(peer string, seated bool)
	// ClientAddr returns the client address of a request, by which the limits
	// count. nil = the remote end of the TCP connection.
	ClientAddr func(*http.Request) netip.Addr
	// Report is called with what clients report; nil = reports are only logged.
	// It is called by many goroutines at once, and must not block. data may be
	// nil, and belongs to the callee.
	Report func(peer, event string, data json.RawMessage)
	// Logger gets the server's log; nil = nothing is logged.
	Logger *slog.Logger
}

// validate returns every fault of c, joined.
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
	if c.Echo != nil {
		faults = append(faults, c.Echo.validate())
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
