// Package wish is the HTTP exchange that WHIP (RFC 9725) and WHEP
// (draft-ietf-wish-whep) share: the client posts an offer and gets the answer, and an
// HTTP resource stands for the session.
package wish

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"callbox/peer"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

const (
	// gatherLimit is how long the offer waits for candidates: without trickling, later
	// ones are of no use.
	gatherLimit = 2 * time.Second
	// maxCandidates is how many candidates an offer can have.
	maxCandidates = 64
	serverID      = "server"
)

// Config is that of packages whip and whep.
type Config struct {
	URL   string      // of the endpoint, http or https
	Token string      // sent as bearer token (RFC 6750); "" = none
	TLS   *tls.Config // nil trusts the system's roots
}

// Check returns an error if the URL cannot be that of an endpoint.
func (c *Config) Check() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("endpoint %q: write its address as https://HOST/PATH", c.URL)
	}
	return nil
}

// Client is a peer.Signaler.
type Client struct {
	cfg  Config
	seat peer.Seat
	http *http.Client

	mu        sync.Mutex
	gathering *offer // its candidates are not complete
	timer     *time.Timer
	ready     chan offer // has room for one
	session   string     // URL of the session; "" = none yet
	answer    string     // the newest
}

// offer is an offer with its candidates.
type offer struct {
	call       int
	sdp        string
	candidates []string
}

// New returns a client. seat says what the endpoint is for.
func New(cfg Config, seat peer.Seat) (*Client, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: cfg.TLS, ForceAttemptHTTP2: true}
	return &Client{cfg: cfg, seat: seat, http: &http.Client{Transport: transport}, ready: make(chan offer, 1)}, nil
}

// Join implements peer.Signaler. It asks the endpoint for ICE servers, which not every
// endpoint has or tells.
func (c *Client) Join(ctx context.Context) (peer.Seat, error) {
	servers, host, err := c.askServers(ctx)
	if err != nil {
		c.http.CloseIdleConnections()
		return peer.Seat{}, err
	}
	c.seat.Joined = protocol.Joined{
		Peer: "client", Peers: []protocol.Peer{{Peer: serverID, Name: host}}, ICEServers: servers,
	}
	return c.seat, nil
}

// Send implements peer.Signaler. It collects the candidates of an offer.
func (c *Client) Send(_ context.Context, _ string, data protocol.CallData) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case data.Description != nil && data.Description.Type == "offer":
		c.stopTimer()
		c.gathering = &offer{call: data.Call, sdp: data.Description.SDP}
		c.timer = time.AfterFunc(gatherLimit, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.complete()
		})
	case data.Candidate != nil && c.gathering != nil && len(c.gathering.candidates) < maxCandidates:
		c.gathering.candidates = append(c.gathering.candidates, data.Candidate.Candidate)
	case data.EndOfCandidates:
		c.complete()
	}
	return nil
}

// complete hands the offer to Receive. The caller holds mu.
func (c *Client) complete() {
	c.stopTimer()
	if c.gathering == nil {
		return
	}
	select {
	case <-c.ready: // an older one
	default:
	}
	c.ready <- *c.gathering
	c.gathering = nil
}

// stopTimer stops the timer of the offer. The caller holds mu.
func (c *Client) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
	}
}

// Receive implements peer.Signaler. It makes the requests, and returns the answers.
func (c *Client) Receive(ctx context.Context) (client.Event, error) {
	var o offer
	select {
	case o = <-c.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	exchange := c.post
	if session, _ := c.state(); session != "" {
		exchange = c.restart
	}
	answer, err := exchange(ctx, &o)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(protocol.CallData{
		Call: o.call, Description: &protocol.Description{Type: "answer", SDP: answer},
	})
	return protocol.MessageEvent{From: serverID, Data: data}, err
}

func (c *Client) state() (session, answer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session, c.answer
}

func (c *Client) setState(session, answer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.answer = cmp.Or(session, c.session), answer
}

// Leave implements peer.Signaler. It ends the session.
func (c *Client) Leave(ctx context.Context) error {
	session, _ := c.state()
	if session == "" {
		return nil
	}
	response, err := c.do(ctx, http.MethodDelete, session, request{})
	if err != nil {
		return err
	}
	if response.status/100 != 2 {
		return fmt.Errorf("the session was not ended: %s", statusText(response.status))
	}
	return nil
}

// Close implements peer.Signaler.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopTimer()
	c.http.CloseIdleConnections()
	return nil
}

// errNoLocation is for a server that creates a session and does not say where.
var errNoLocation = errors.New("the server's answer has no Location, so the session cannot be ended")
