package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"callbox/signaling"
)

// minBan is the shortest ban.
const minBan = time.Second

// kick removes a peer from its room; with ?ban=TIME the room also refuses its
// address.
func (s *server) kick(w http.ResponseWriter, r *http.Request) {
	ban, err := parseBan(r.URL.RawQuery)
	if err != nil {
		plainText(w, http.StatusBadRequest, err.Error()+"\n")
		return
	}
	peer, err := s.signaling.Kick(r.PathValue("id"), ban)
	if errors.Is(err, signaling.ErrNoPeer) {
		plainText(w, http.StatusNotFound, "there is no peer with this id\n")
		return
	}
	if s.turn != nil {
		// Unlike the credentials of peers that leave, a revoked one is not dropped to
		// make room for those of others.
		if _, err := s.turn.Revoke(peer); err != nil {
			s.log.Warn("the TURN credential of a kicked peer is blocked, but only until many other peers have left", "err", err)
		}
	}
	if err != nil {
		s.log.Error("a kick could not be saved; it will be forgotten at the next restart", "err", err)
		plainText(w, http.StatusInternalServerError, "the peer was kicked, but the server will forget this when it restarts: "+err.Error()+"\n")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// parseBan parses the query of a kick. Anything unknown in it is an error, so that a
// typo does not kick without a ban.
func parseBan(query string) (time.Duration, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return 0, errors.New("the query after '?' cannot be parsed")
	}
	for key := range values {
		if key != "ban" {
			return 0, fmt.Errorf("unknown parameter %q; the only one is ban=TIME, such as ban=10m", key)
		}
	}
	texts := values["ban"]
	switch {
	case texts == nil:
		return 0, nil
	case len(texts) > 1 && slices.ContainsFunc(texts, func(text string) bool { return text != texts[0] }):
		return 0, errors.New("ban is given several times with different values")
	}
	ban, err := time.ParseDuration(texts[0])
	if err != nil {
		return 0, fmt.Errorf("ban: %q is not a duration such as 90s, 10m or 24h", texts[0])
	}
	if ban < minBan || ban > signaling.MaxBan {
		return 0, fmt.Errorf("ban: %v is not between %v and %v", ban, minBan, signaling.MaxBan)
	}
	return ban, nil
}
