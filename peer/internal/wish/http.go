package wish

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"callbox/peer"
	"callbox/signaling/protocol"
)

// Media types of requests and responses.
const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag" // RFC 8840
)

// maxBody is the most that is read of a response, in bytes.
const maxBody = 256 << 10

// maxRetryAfter is the longest pause that a busy server can ask for.
const maxRetryAfter = time.Minute

type request struct {
	kind    string // media type; "" = no body
	body    string
	ifMatch string
}

type response struct {
	status int
	header http.Header
	url    *url.URL // of the last request, after redirects
	body   string
}

// do makes a request. The error is nil whatever the status is.
func (c *Client) do(ctx context.Context, method, target string, q request) (*response, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader([]byte(q.body)))
	if err != nil {
		return nil, err
	}
	if c.cfg.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	if q.kind != "" {
		r.Header.Set("Content-Type", q.kind)
		r.Header.Set("Accept", q.kind)
	}
	if q.ifMatch != "" {
		r.Header.Set("If-Match", q.ifMatch)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err != nil {
		return nil, err
	}
	return &response{status: answer.StatusCode, header: answer.Header, url: answer.Request.URL, body: string(body)}, nil
}

// askServers asks the endpoint for its ICE servers (RFC 9725, section 4.6). What else it
// answers does not matter: it need not know the question.
func (c *Client) askServers(ctx context.Context) (servers []protocol.ICEServer, host string, err error) {
	answer, err := c.do(ctx, http.MethodOptions, c.cfg.URL, request{})
	if err != nil {
		return nil, "", err
	}
	if answer.status/100 == 2 {
		servers = iceServers(answer.header.Values("Link"))
	}
	return servers, answer.url.Hostname(), nil
}

// post creates the session and returns the answer. It waits as long as a busy server asks.
func (c *Client) post(ctx context.Context, o *offer) (answer string, err error) {
	for {
		r, err := c.do(ctx, http.MethodPost, c.cfg.URL, request{kind: typeSDP, body: withCandidates(o)})
		if err != nil {
			return "", err
		}
		after, busy := retryAfter(r)
		if !busy {
			return c.open(r, o)
		}
		pause := time.NewTimer(after)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return "", ctx.Err()
		}
	}
}

// open handles the answer to the offer.
func (c *Client) open(r *response, o *offer) (answer string, err error) {
	if r.status != http.StatusCreated {
		return "", fmt.Errorf("%w: %s", peer.ErrRefused, statusText(r.status))
	}
	location, err := r.url.Parse(r.header.Get("Location"))
	if err != nil || r.header.Get("Location") == "" {
		return "", errNoLocation
	}
	c.setState(location.String(), r.body)
	if got, want := sections(r.body), sections(o.sdp); got != want { // RFC 3264, section 6
		return "", fmt.Errorf("%w: its description has %d media sections, the offer %d, so it does not answer the offer", peer.ErrRefused, got, want)
	}
	return r.body, nil
}

// retryAfter reports whether the server is too busy, and when to ask again.
func retryAfter(r *response) (time.Duration, bool) {
	seconds, err := strconv.Atoi(r.header.Get("Retry-After"))
	if r.status != http.StatusServiceUnavailable || err != nil || seconds < 0 {
		return 0, false
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter), true
}

// restart restarts ICE (RFC 9725, section 4.3.3), and returns an answer to the new offer.
func (c *Client) restart(ctx context.Context, o *offer) (answer string, err error) {
	session, before := c.state()
	r, err := c.do(ctx, http.MethodPatch, session, request{kind: typeFragment, body: fragment(o), ifMatch: "*"})
	if err != nil {
		return "", err
	}
	if r.status != http.StatusOK {
		return "", fmt.Errorf("the server did not restart ICE: %s", statusText(r.status))
	}
	answer = withFragment(before, r.body)
	c.setState("", answer)
	return answer, nil
}

func statusText(status int) string { return fmt.Sprintf("%d %s", status, http.StatusText(status)) }
