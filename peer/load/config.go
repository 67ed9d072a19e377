package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"time"

	"callbox/peer"
	"callbox/peer/pattern"
)

// Limits.
const (
	MaxPairs       = 10_000
	MaxPublicPairs = 50   // without a token, unless the server is at a private or loopback address
	MaxRefusals    = 20   // in a row
	MaxPerSecond   = 1000 // pairs
)

// Config says what to do. Server and Pairs are required.
type Config struct {
	Server string // http(s)://host[:port]
	Token  string // join token for any room; may be empty
	Pairs  int    // 1 to MaxPairs
	// PerSecond is how many pairs begin in a second; 0 = 10.
	PerSecond float64
	// Duration is how long each call lasts after it is connected; 0 = peer.DefaultDuration.
	Duration       time.Duration
	ConnectTimeout time.Duration // as in peer.Config
	ICE            peer.ICEPolicy
	TURNProtocol   peer.TURNProtocol

	Size  pattern.Size // of the video; the zero value = 320x240
	FPS   int          // 0 = 15
	Audio bool         // send speech-like noise in Opus, too

	Expect  []peer.Expectation // of peer.ParseExpectationsOf(&Report{}, …)
	RunID   string             // stands in the report; "" = null
	Version string             // of the program, for the report
	TLS     *tls.Config        // nil trusts the system's roots
	// Observe is called once a second, and at the end; it must not block. It may be nil.
	Observe func(Progress)
	Logger  *slog.Logger // nil = discard
}

// ErrConfig marks a Config that cannot be used, or not with this server.
var ErrConfig = errors.New("the configuration cannot be used")

// withDefaults returns c with defaults in place of zero values.
func (c Config) withDefaults() Config {
	if c.PerSecond == 0 {
		c.PerSecond = 10
	}
	if c.Duration == 0 {
		c.Duration = peer.DefaultDuration
	}
	if c.Size == (pattern.Size{}) {
		c.Size = pattern.Size{Width: 320, Height: 240}
	}
	if c.FPS == 0 {
		c.FPS = 15
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Progress) {}
	}
	return c
}

// check returns an error that joins all faults, and wraps ErrConfig.
func (c *Config) check() error {
	var faults []error
	if c.Pairs < 1 || c.Pairs > MaxPairs {
		faults = append(faults, fmt.Errorf("%d pairs: it must be 1 to %d", c.Pairs, MaxPairs))
	}
	if !(c.PerSecond > 0 && c.PerSecond <= MaxPerSecond) { // also NaN
		faults = append(faults, fmt.Errorf("%v pairs a second: it must be more than 0, and at most %d", c.PerSecond, MaxPerSecond))
	}
	if c.Duration < 0 {
		faults = append(faults, errors.New("the duration is negative"))
	}
	call := peer.Config{Server: c.Server, Room: "x", ICE: c.ICE, TURNProtocol: c.TURNProtocol, ConnectTimeout: c.ConnectTimeout}
	faults = append(faults, call.Check())
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// mayLoad returns an error that wraps ErrConfig if so many pairs are too much for a server
// that has not shown that it wants them.
func (c *Config) mayLoad(ctx context.Context) error {
	if c.Pairs <= MaxPublicPairs || c.Token != "" {
		return nil
	}
	u, err := url.Parse(c.Server)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	for _, address := range addresses {
		if !isPrivate(address) {
			return fmt.Errorf("%w: more than %d pairs at a public address (%s) need a token of the server (--token)", ErrConfig, MaxPublicPairs, u.Hostname())
		}
	}
	return nil
}

// dial opens connections to the server. It holds to what mayLoad has found: a name may
// mean another address by now.
func (c *Config) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil || c.Pairs <= MaxPublicPairs || c.Token != "" {
		return conn, err
	}
	if to, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err != nil || !isPrivate(to.Addr()) {
		return nil, errors.Join(errors.New("the server has moved to a public address"), conn.Close())
	}
	return conn, nil
}

func isPrivate(address netip.Addr) bool {
	address = address.Unmap()
	return address.IsLoopback() || address.IsPrivate() || address.IsLinkLocalUnicast()
}
