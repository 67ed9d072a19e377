package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"callbox/internal/netaddr"
	"callbox/signaling"
	"callbox/signaling/protocol"
	"callbox/turnserver"
	"callbox/turnserver/limit"
)

const (
	// checkEvery and checkBurst are the limit of checks for each client address: six at once, and six a
	// minute. A page asks once for each protocol of TURN.
	checkEvery = 10 * time.Second
	checkBurst = 6
)

// checks answers POST /api/v1/check: with the ICE servers for a check of the connection. Its credential
// is worth much less than that of a peer, see turnserver.Server.CheckCredential.
type checks struct {
	server  *server
	servers *iceServers // nil = TURN is off
	limit   *limit.Sources
	started time.Time

	made, limited, unauthorized, refused atomic.Uint64
}

func newChecks(s *server) *checks {
	return &checks{server: s, limit: limit.NewSlowSources(checkEvery, checkBurst), started: time.Now()}
}

// checkAnswer is the response.
type checkAnswer struct {
	ICEServers []protocol.ICEServer `json:"iceServers"`
	ICETTL     int                  `json:"iceTTL"`
	// Mapping are two STUN ports of one address.
	Mapping []string `json:"mapping"`
	// LocalAuthority: the certificate is one that hardly any browser accepts for TURN over TLS.
	LocalAuthority bool `json:"localAuthority"`
}

// ServeHTTP implements http.Handler.
func (c *checks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Add("Vary", "Origin")
	client := c.server.proxies.clientAddr(r)
	switch {
	case !signaling.IsOwnOrigin(r):
		c.refused.Add(1)
		c.server.warnOfOrigin(r)
		refuseCheck(w, http.StatusForbidden, "forbidden_origin", "only this server's own page may check a connection")
	case r.Method != http.MethodPost:
		header.Set("Allow", http.MethodPost)
		refuseCheck(w, http.StatusMethodNotAllowed, "bad_method", "use POST")
	case !c.limit.Take(int64(time.Since(c.started)), client):
		c.limited.Add(1)
		header.Set("Retry-After", strconv.Itoa(int(checkEvery.Seconds())))
		refuseCheck(w, http.StatusTooManyRequests, string(protocol.CodeRateLimited), "too many checks from your network; try again in a moment")
	default:
		c.check(w, r, client)
	}
}

func (c *checks) check(w http.ResponseWriter, r *http.Request, client netip.Addr) {
	if joins := c.server.joins; joins != nil {
		if err := joins.verify(bearerToken(r)); err != nil {
			c.unauthorized.Add(1)
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuseCheck(w, http.StatusUnauthorized, string(protocol.CodeUnauthorized), err.Error())
			return
		}
	}
	answer := checkAnswer{
		ICEServers: []protocol.ICEServer{}, ICETTL: int(turnserver.CheckLife.Seconds()), Mapping: []string{},
		LocalAuthority: c.server.certificates.local != nil,
	}
	if c.servers != nil {
		username, password, err := c.server.turn.CheckCredential()
		if errors.Is(err, turnserver.ErrTooManyChecks) {
			c.refused.Add(1)
			w.Header().Set("Retry-After", strconv.Itoa(int(checkEvery.Seconds())))
			refuseCheck(w, http.StatusServiceUnavailable, "busy", "too many people check their connection now; try again in a moment")
			return
		}
		arrived := arrivedAt(r)
		answer.ICEServers = append(answer.ICEServers, c.servers.with(username, password, arrived)...)
		answer.Mapping = append(answer.Mapping, c.servers.mapping(arrived)...)
	}
	c.made.Add(1)
	c.server.log.Debug("check of a connection", "remote_addr", client)
	writeJSON(w, answer)
}

// refuseCheck writes a response with a code for programs and a message for people.
func refuseCheck(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "message": message}) // an error means that the client is gone
}

// bearerToken returns the token in the Authorization header of a request (RFC 6750, section 2.1).
func bearerToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// arrivedAt returns the local address that a request arrived at.
func arrivedAt(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	return netaddr.AddrPort(local).Addr()
}

func (c *checks) metrics(m sink) {
	m.counters("checks_total", "Checks of a connection that clients asked for, by result: made, rate_limited (too many from one address), unauthorized (no valid token), or refused (another origin, or too many in all).", "result",
		map[string]uint64{"made": c.made.Load(), "rate_limited": c.limited.Load(), "unauthorized": c.unauthorized.Load(), "refused": c.refused.Load()})
}
