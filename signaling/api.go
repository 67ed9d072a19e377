package signaling

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// APIHandler returns the handler for everything under /api/. It allows
// cross-origin requests (CORS; Fetch standard, section 3.2) from the allowed
// origins only.
//
//	POST   /api/v1/rooms    → 201 {"room": "…"}, a room name that cannot be guessed
//	POST   /api/v1/sessions → 201 {"session": "…"}, the secret of a connection over plain HTTP; with it:
//	GET    /api/v1/events   → 200, events and notices as a stream of Server-Sent Events
//	POST   /api/v1/frames   → 200 and the reply to the frame in the body; 204 when there is none
//	DELETE /api/v1/sessions → 204, leaves
func (s *Server) APIHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/rooms", s.only(s.serveNewRoom, http.MethodPost))
	mux.HandleFunc("/api/v1/sessions", s.only(s.serveSessions, http.MethodPost, http.MethodDelete))
	mux.HandleFunc("/api/v1/events", s.only(s.serveEvents, http.MethodGet))
	mux.HandleFunc("/api/v1/frames", s.only(s.serveFrames, http.MethodPost))
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, "not_found", "there is nothing here")
	})
	return s.cors(mux)
}

// cors refuses foreign origins, tells browsers that pages of allowed origins may
// read the response, and answers preflight requests.
func (s *Server) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if !s.origins.allow(r) {
			s.refuseOrigin(w, r)
			return
		}
		origin := r.Header.Get("Origin")
		if origin != "" {
			h.Set("Access-Control-Allow-Origin", origin)
		}
		if r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// only answers all other methods with 405, as JSON.
func (s *Server) only(next http.HandlerFunc, methods ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", strings.Join(methods, ", ")+", OPTIONS")
			writeError(w, http.StatusMethodNotAllowed, "bad_method", "use "+strings.Join(methods, " or "))
			return
		}
		next(w, r)
	}
}

func (s *Server) serveNewRoom(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusCreated, map[string]string{"room": newRoomName()})
}

// newRoomName returns a name with 64 random bits that people can say aloud: four
// proquints (arXiv:0901.4016), such as "lusab-babad-gutih-tugad".
func newRoomName() string {
	const consonants, vowels = "bdfghjklmnprstvz", "aiou"
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	var name strings.Builder
	for i := 0; i < len(random); i += 2 {
		if i > 0 {
			name.WriteByte('-')
		}
		bits := binary.BigEndian.Uint16(random[i:])
		name.WriteByte(consonants[bits>>12])
		name.WriteByte(vowels[bits>>10&3])
		name.WriteByte(consonants[bits>>6&15])
		name.WriteByte(vowels[bits>>4&3])
		name.WriteByte(consonants[bits&15])
	}
	return name.String()
}

func (s *Server) refuseHTTP(w http.ResponseWriter, status int, code, message string) {
	s.counters.refused.Add(1)
	writeError(w, status, code, message)
}

// writeError writes a response with a code for programs and a message for
// people.
func writeError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]string{"code": code, "message": message})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error means that the client is gone
}
