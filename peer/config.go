package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"callbox/peer/impair"
	"callbox/signaling/protocol"
)

// Defaults of Config, and of the command line.
const (
	DefaultDuration       = 10 * time.Second
	DefaultConnectTimeout = 15 * time.Second
)

// Config configures a call. Server and Room are required, unless there is a Signaler.
type Config struct {
	Server string // http(s)://host[:port] of the signaling server
	Room   string
	// Signaler is used instead of a callbox server; nil = none. Then Server may be empty;
	// it only says whether the server is on this machine, so that loopback candidates help.
	Signaler Signaler
	Name     string // display name that the other side sees; may be empty
	Token    string // join token, for servers that require one; never logged

	// Video and Audio are the media to send. With nil nothing of that kind is sent,
	// but it is still received. A source must not be used in two calls.
	Video Source
	Audio Source
	// Echo sends back what arrives, packet by packet, instead of Video and Audio, which must be
	// nil then.
	Echo bool
	// Sink also gets the received media; it may be nil.
	Sink Sink
	// Record, such as a Recorder of package record, gets the received media, too, but only
	// while the other side knows that it is recorded: it is told so, and nothing is recorded
	// before it has confirmed that (docs/call.md). A program that cannot be told is recorded
	// from the beginning. nil = do not record.
	Record Sink

	ICE          ICEPolicy    // "" = All
	TURNProtocol TURNProtocol // "" = any
	// ICEServers are used instead of those of the signaling server; nil = those.
	ICEServers []protocol.ICEServer
	// AllowRemote reports whether the other side may be reached at an address. Candidates with
	// another address are dropped, and so are those with a name: it is not resolved. It limits
	// what this side begins, but a check may still come from anywhere, unless ICE is Relay.
	// nil = anywhere.
	AllowRemote func(netip.AddrPort) bool
	// KeepSent is how many of the last packets of a video are kept, to be sent again when they are
	// requested (RFC 4585): a power of two up to 32768; 0 = 1024. Each takes 1.5 kB.
	KeepSent int
	// StayOnRelay keeps a call that began over a relay there. That saves the checks of all
	// other pairs of candidates, every two seconds, in calls of which there are many. Such a
	// call waits 0.5 s for a direct pair before it begins over a relay, not 0.2 s.
	StayOnRelay bool
	// NoMDNS resolves no names of mDNS (RFC 6762), which browsers have in place of addresses of
	// their local network, and opens no sockets for that.
	NoMDNS bool
	// VideoKbps is how much video the other side is asked to send at most, in kbit/s; 0 = as
	// much as it likes.
	VideoKbps int
	// Impair makes the network worse for what this peer sends: media, connectivity
	// checks, DTLS, and what goes to a TURN server. Its zero value changes nothing.
	Impair impair.Config

	// ChangeImpairment lets Call.Impair change Impair during the call. What is sent is then
	// counted from the start, even if nothing is impaired yet.
	ChangeImpairment bool

	// Duration is how long the call lasts after it is connected; 0 = DefaultDuration,
	// negative = no limit.
	Duration time.Duration
	// ConnectTimeout is how long to wait for the room to be joined, for another peer to
	// come, and then again for the call to connect; 0 = DefaultConnectTimeout. It must not
	// be negative.
	ConnectTimeout time.Duration
	// PeerTimeout is how long to wait for another peer to come; 0 = ConnectTimeout,
	// negative = no limit.
	PeerTimeout time.Duration
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
	// Refused is called when the server refuses the join for the moment, and asks to wait;
	// false gives up, with this error. After Refused has returned true, the peer waits for
	// that time and tries again. nil tries until ConnectTimeout.
	Refused func(err error, after time.Duration) (again bool)
	// DialServer opens the TCP connections to the callbox server, for tests that cut them;
	// nil = those of a net.Dialer.
	DialServer func(ctx context.Context, network, address string) (net.Conn, error)
	// Net replaces the kernel's network for media and TURN, for tests.
	Net transport.Net
	// SettingEngine may change Pion's settings just before they are used; it may be
	// nil.
	SettingEngine func(*webrtc.SettingEngine)

	// Shared is the source of patterns of which this call receives one; nil = none. Its frames
	// are recognised by their bytes, so they need not be decoded.
	Shared *SharedPattern
	// CountAudio only counts received audio, which saves the decoder's time: the report then
	// knows neither its energy nor its pitch.
	CountAudio bool

	// RunID and Scenario stand in the report, to tell calls apart; "" = null.
	RunID, Scenario string
	// MeasureProcess reports what the call cost this process, for programs that make
	// one call at a time.
	MeasureProcess bool
	// KeyLog gets the keys of the DTLS connections, in the format of SSLKEYLOGFILE, with
	// which whoever records the network can decrypt the call; nil = nobody.
	KeyLog io.Writer

	// Version is the version of the program, for the report; "" = the version that
	// the go command recorded in the binary.
	Version string
	// Observe is called with each event, from the goroutine of the call. It must not
	// block; it may be nil. It is for Run; a program that has the Call can read
	// Call.Events instead.
	Observe func(Event)
	Logger  *slog.Logger // nil = discard

	echo *echo // nil = Echo is false
}

// Check returns an error that joins all faults of the configuration, or nil.
func (c *Config) Check() error {
	var faults []error
	if c.Signaler == nil || c.Server != "" {
		faults = append(faults, checkServer(c.Server))
	}
	if c.Signaler == nil && c.Room == "" {
		faults = append(faults, errors.New("no room is given"))
	}
	if !slices.Contains([]ICEPolicy{"", All, Host, Srflx, Relay}, c.ICE) {
		faults = append(faults, fmt.Errorf("ICE policy %q: it must be all, host, srflx or relay", c.ICE))
	}
	if c.KeepSent < 0 || c.KeepSent > 1<<15 || c.KeepSent&(c.KeepSent-1) != 0 {
		faults = append(faults, fmt.Errorf("%d packets to be kept: it must be a power of two up to %d", c.KeepSent, 1<<15))
	}
	if c.VideoKbps < 0 {
		faults = append(faults, fmt.Errorf("video of at most %d kbit/s: it must not be negative", c.VideoKbps))
	}
	if !slices.Contains([]TURNProtocol{"", TURNOverUDP, TURNOverTCP, TURNOverTLS}, c.TURNProtocol) {
		faults = append(faults, fmt.Errorf("TURN protocol %q: it must be udp, tcp or tls", c.TURNProtocol))
	}
	if c.ConnectTimeout < 0 {
		faults = append(faults, errors.New("the connect timeout is negative"))
	}
	if c.Echo && (c.Video != nil || c.Audio != nil) {
		faults = append(faults, errors.New("an echo sends what arrives, so there must be no source"))
	}
	if c.TakeFiles < 0 {
		faults = append(faults, errors.New("the bytes of files to take are negative"))
	}
	faults = append(faults, c.Impair.Check())
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
	if c.PeerTimeout == 0 {
		c.PeerTimeout = c.ConnectTimeout
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
	Missed int    // events before this one that Call.Events has not returned
}
