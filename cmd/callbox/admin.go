package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"callbox/internal/netaddr"
	"callbox/signaling"
	"callbox/turnserver"
)

// adminRoutes returns what the admin listener serves.
func (s *server) adminRoutes() http.Handler {
	return s.turnService.adminRoutes(s.newRegistry(), func(mux *http.ServeMux) {
		mux.HandleFunc("GET /rooms", s.rooms)
		mux.HandleFunc("DELETE /peers/{id}", s.kick)
	})
}

// adminRoutes returns what the admin listener serves for the TURN server and the
// process, with the routes that more adds.
func (p *turnService) adminRoutes(metrics prometheus.Gatherer, more func(*http.ServeMux)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		plainText(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case p.stopping.Load():
			plainText(w, http.StatusServiceUnavailable, "shutting down\n")
		case p.turn != nil && p.turn.Snapshot().Draining:
			plainText(w, http.StatusServiceUnavailable, "draining\n")
		default:
			plainText(w, http.StatusOK, p.readyText())
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /relays", p.relays)
	if p.turn != nil {
		mux.HandleFunc("DELETE /relays/{user...}", p.kickRelays)
		mux.HandleFunc("POST /drain", p.drainRelays)
	}
	addProfiles(mux)
	more(mux)
	return guardAdmin(netaddr.AddrPort(p.listeners.admin.Addr()).Addr().IsLoopback(), mux)
}

// readyText returns "ready", followed by warnings about how the relays are reached.
func (p *turnService) readyText() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := "ready\n"
	for _, warning := range p.warnings {
		text += "warning: " + warning + "\n"
	}
	return text
}

func plainText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) //nolint:gosec // G705: plain text that no browser interprets as anything else (nosniff); an error means that the client is gone
}

// relay is an allocation of the TURN server in the answer to GET /relays.
type relay struct {
	User        string              `json:"user"`
	Protocol    turnserver.Protocol `json:"protocol"`
	Relayed     netip.AddrPort      `json:"relayed"`
	Client      *netip.AddrPort     `json:"client,omitempty"`
	Since       time.Time           `json:"since"`
	Expires     time.Time           `json:"expires"`
	Permissions int                 `json:"permissions"`
	Channels    int                 `json:"channels"`
	ToPeers     relayTraffic        `json:"to_peers"`
	FromPeers   relayTraffic        `json:"from_peers"`
}

type relayTraffic struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// relays answers with the live allocations, oldest first; ?clients=1 adds the
// addresses of the clients.
func (p *turnService) relays(w http.ResponseWriter, r *http.Request) {
	relays := []relay{}
	if p.turn != nil {
		for _, a := range p.turn.Allocations() {
			relay := relay{
				User: a.User, Protocol: a.Protocol, Relayed: a.Relayed, Since: a.Since, Expires: a.Expires,
				Permissions: a.Permissions, Channels: a.Channels,
				ToPeers: relayTraffic(a.ToPeers), FromPeers: relayTraffic(a.FromPeers),
			}
			if r.URL.Query().Get("clients") == "1" {
				relay.Client = &a.Client
			}
			relays = append(relays, relay)
		}
	}
	writeJSON(w, relays)
}

// kickRelays ends the relays of a user; with ?revoke=1 the user's credentials are
// refused from then on.
func (p *turnService) kickRelays(w http.ResponseWriter, r *http.Request) {
	user := r.PathValue("user")
	revoke := false
	if query := r.URL.Query(); query.Has("revoke") {
		var err error
		if revoke, err = strconv.ParseBool(query.Get("revoke")); err != nil {
			plainText(w, http.StatusBadRequest, "revoke must be 1 or 0\n")
			return
		}
	}
	if revoke {
		if _, err := p.turn.Revoke(user); err != nil {
			plainText(w, http.StatusInsufficientStorage, err.Error()+"\n")
			return
		}
	} else if p.turn.Kick(user) == 0 {
		plainText(w, http.StatusNotFound, "this user has no relay\n")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client is gone when this fails
}

// rooms answers with every room and its peers.
func (s *server) rooms(w http.ResponseWriter, _ *http.Request) {
	rooms := s.signaling.Rooms()
	slices.SortFunc(rooms, func(a, b signaling.RoomInfo) int { return strings.Compare(a.Name, b.Name) })
	writeJSON(w, rooms)
}
