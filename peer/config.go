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

// Defaults of Config, and of the command line.
const (
	DefaultDuration       = 10 * time.Second
	DefaultConnectTimeout = 15 * time.Second
)

// Config configures a call. Server and Room are required.
type Config struct {
	Server string // http(s)://host[:port] of the signaling server
	Room   string
	Name   string // display name that the other side sees; may be empty
	Token  string // join token, for servers that require one; never logged

	// Video and Audio are the media to send. With nil nothing of that kind is sent,
	// but it is still received. A source must not be used in two calls.
	Video VideoSource
	Audio AudioSource
	// VideoSink and AudioSink also get the received media; they may be nil.
	VideoSink VideoSink
	AudioSink AudioSink

	ICE          ICEPolicy    // "" = All
	TURNProtocol TURNProtocol // "" = any

	// Duration is how long the call lasts after it is connected; 0 = DefaultDuration,
	// negative = no limit.
	Duration time.Duration
	// ConnectTimeout is how long to wait for another peer to come, and then again
	// for the call to connect; 0 = DefaultConnectTimeout. It must not be negative.
	ConnectTimeout time.Duration
	// TakeFiles is how many bytes of files are taken from the other side in all; 0 = none.
	// What is taken is checked, and not kept.
	TakeFiles int64
	// Expect are conditions that the report evaluates.
	Expect []Expectation

	// TLS is used for https and for TURN over TLS; nil trusts the system's roots
	// (on Linux also those in the file named by the environment's SSL_CERT_FILE).
	TLS *tls.Config
	// Certificates are the DTLS identity; nil creates a new one, which every
	// connection of the call uses. Calls may share them, which saves time. But a page
	// that is called twice with the same certificate, and was not reloaded in between,
	// warns instead of showing a safety code, because the second call does not know
	// the nonce of the first, and takes texts and files for those of the first.
	Certificates []webrtc.Certificate
	// Net replaces the kernel's network for media and TURN, for tests.
	Net transport.Net
	// SettingEngine may change Pion's settings just before they are used; it may be
	// nil.
	SettingEngine func(*webrtc.SettingEngine)

	// Version is the version of the program, for the report; "" = the version that
	// the go command recorded in the binary.
	Version string
	// Observe is called with each event, from one goroutine. It must not block; it
	// may be nil.
	Observe func(Event)
	Logger  *slog.Logger // nil = discard
}

// Check returns an error that joins all faults of the configuration, or nil.
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
	if c.TakeFiles < 0 {
		faults = append(faults, errors.New("the bytes of files to take are negative"))
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

// withDefaults returns c with defaults in place of zero values.
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

// EventKind is the kind of an Event.
type EventKind string

// The kinds of events.
const (
	EventJoined        EventKind = "joined"         // the room was joined; Others is how many were there
	EventPeerSeen      EventKind = "peer_seen"      // another peer is there; Name and Role are set
	EventConnected     EventKind = "connected"      // the call is connected; Path and Took are set
	EventFirstFrame    EventKind = "first_frame"    // the first video frame was decoded
	EventDisconnected  EventKind = "disconnected"   // the connection is interrupted; it may come back
	EventReconnected   EventKind = "reconnected"    // the connection came back
	EventRebuild       EventKind = "rebuild"        // the other side started a new connection
	EventPeerLeft      EventKind = "peer_left"      // the other peer left; Reason is set
	EventSignalingLost EventKind = "signaling_lost" // the signaling server cannot be reached; a connected call continues
	EventSignalingBack EventKind = "signaling_back" // the signaling server can be reached again, and the seat is back
	EventSafetyCode    EventKind = "safety_code"    // Code can be compared with what the other side shows
	EventSafetyWarning EventKind = "safety_warning" // there is no safety code because the other side broke its rules; Reason is set
	EventRecording     EventKind = "recording"      // the other side records the call
	EventRecordingOver EventKind = "recording_over" // the other side no longer records the call
	EventText          EventKind = "text"           // the other side sent Text
	EventFile          EventKind = "file"           // a file that was taken has ended; File, Bytes and Reason are set, the last unless it arrived intact
	EventFileRefused   EventKind = "file_refused"   // a file was not taken; File and Bytes are set
)

// Event is a step of a call, to show to a person. Fields that its kind does not
// name may be empty.
type Event struct {
	Kind   EventKind
	At     time.Duration // since Join was called
	Others int
	Name   string // of the other peer, or "the other side" if it has none
	Role   Role
	Path   *Path
	Took   time.Duration // from both peers being in the room to connected
	Reason string
	Code   string // six digits
	Text   string // from the other side, as it came: not safe to print
	File   string // name of the file, safe to print
	Bytes  int64  // size of the file
}
