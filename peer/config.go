package peer

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"
)

// Defaults of Config, which are those of the command line too.
const (
	DefaultDuration       = 10 * time.Second
	DefaultConnectTimeout = 15 * time.Second
)

// Config says whom to call, what to send and how.
type Config struct {
	Server string // http(s)://host[:port] of the signaling server
	Room   string
	Name   string // shown to the other side; may be empty
	Token  string // says that it may join, for servers that want one; never logged

	// Video and Audio are what is sent; nil sends nothing of that kind and still
	// receives it. A source belongs to one call.
	Video VideoSource
	Audio AudioSource
	// VideoSink and AudioSink get what is received, beside being verified; may be nil.
	VideoSink VideoSink
	AudioSink AudioSink

	ICE          ICEPolicy    // "" is All
	TURNProtocol TURNProtocol // "" is any

	// Duration is how long the call goes on after it is connected; 0 is DefaultDuration, and
	// a negative one is without end.
	Duration time.Duration
	// ConnectTimeout is how long to wait for somebody to come, and then again for
	// the call to connect; 0 is DefaultConnectTimeout.
	ConnectTimeout time.Duration
	// Expect is evaluated in the report.
	Expect []Expectation

	// TLS is used for https and for TURN over TLS; nil trusts the system's roots
	// (on Linux also those in the file named by the environment's SSL_CERT_FILE).
	TLS *tls.Config
	// Certificates are the DTLS identity; nil makes a new one. Many calls may share one, which saves time.
	Certificates []webrtc.Certificate
	// Net replaces the kernel's network for media and TURN, for tests.
	Net transport.Net
	// SettingEngine, when set, may change Pion's settings just before they are used.
	SettingEngine func(*webrtc.SettingEngine)

	// Version is this program's, for the report; "" is what the Go command knows of it.
	Version string
	// Observe is told what happens, from one goroutine; it must not block. May be nil.
	Observe func(Event)
	Logger  *slog.Logger // nil discards
}

// Check says what is wrong with the configuration, all of it; nil when nothing is.
func (c *Config) Check() error {
	var faults []error
	if err := checkServer(c.Server); err != nil {
		faults = append(faults, err)
	}
	if c.Room == "" {
		faults = append(faults, errors.New("no room is given"))
	}
	if !slices.Contains([]ICEPolicy{"", All, Host, Srflx, Relay}, c.ICE) {
		faults = append(faults, fmt.Errorf("ICE policy %q: it must be all, host, srflx or relay", c.ICE))
	}
	if !slices.Contains([]TURNProtocol{"", TURNOverUDP, TURNOverTCP, TURNOverTLS}, c.TURNProtocol) {
		faults = append(faults, fmt.Errorf("TURN protocol %q: it must be udp, tcp or tls", c.TURNProtocol))
	}
	if c.ConnectTimeout < 0 {
		faults = append(faults, errors.New("the connect timeout is negative"))
	}
	return errors.Join(faults...)
}

func checkServer(server string) error {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("server %q: write its address as http://HOST[:PORT] or https://HOST[:PORT]", server)
	}
	return nil
}

// withDefaults returns c with nothing left unsaid.
func (c Config) withDefaults() Config {
	if c.ICE == "" {
		c.ICE = All
	}
	if c.Duration == 0 {
		c.Duration = DefaultDuration
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = DefaultConnectTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	return c
}

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	EventJoined        EventKind = "joined"         // the room was entered; Others says how many were there
	EventPeerSeen      EventKind = "peer_seen"      // Name is there to be called, or will call
	EventConnected     EventKind = "connected"      // Path and Took are set
	EventFirstFrame    EventKind = "first_frame"    // video arrives
	EventDisconnected  EventKind = "disconnected"   // nothing is heard for a while; it may come back
	EventReconnected   EventKind = "reconnected"    // it came back
	EventRebuild       EventKind = "rebuild"        // the other side began the connection anew
	EventPeerLeft      EventKind = "peer_left"      // Reason is set
	EventSignalingLost EventKind = "signaling_lost" // a call that is connected goes on
	EventSignalingBack EventKind = "signaling_back" // the seat in the room, too
)

// Event is something worth telling a person while a call is made.
type Event struct {
	Kind   EventKind
	At     time.Duration // since Join was called
	Others int
	Name   string // of the other peer, in words when it has none
	Role   Role
	Path   *Path
	Took   time.Duration // from both being there to connected
	Reason string
}
