// Package wishtest is a small WHIP and WHEP server for tests and Examples.
package wishtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"callbox/peer"
)

// Server is a server with one endpoint. It receives what a client sends, and sends Source.
type Server struct {
	URL    string      // of the endpoint
	Token  string      // that requests must have; "" = any
	Link   string      // header of the answer to OPTIONS
	Busy   int         // how many offers are refused for the moment
	Source peer.Source // to send; nil = nothing

	// Packets is how many RTP packets were received, by kind.
	Packets [2]atomic.Int64
	// Requests are the requests, as METHOD PATH.
	Requests chan string

	web      *httptest.Server
	mu       sync.Mutex
	sessions map[string]*session
	count    int
	faults   []error
	wait     sync.WaitGroup
}

type session struct {
	pc    *webrtc.PeerConnection
	offer string
	ctx   context.Context //nolint:containedctx // ends with the session
	stop  context.CancelFunc
}

// New starts a server for a test, which fails if the server has met a fault.
func New(t *testing.T) *Server {
	t.Helper()
	s := Start()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Start starts a server. The caller must call Close.
func Start() *Server {
	s := &Server{Requests: make(chan string, 64), sessions: make(map[string]*session)}
	mux := http.NewServeMux()
	mux.HandleFunc("OPTIONS /endpoint", func(w http.ResponseWriter, _ *http.Request) {
		if s.Link != "" {
			w.Header().Set("Link", s.Link)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/endpoint", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("POST /endpoint", s.post)
	mux.HandleFunc("PATCH /session/{id}", s.patch)
	mux.HandleFunc("DELETE /session/{id}", s.remove)
	s.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Requests <- r.Method + " " + r.URL.Path
		if s.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.Token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	s.URL = s.web.URL + "/endpoint"
	return s
}

// Close ends the server. It returns the faults that the server has met. A session that the
// client has not ended is one.
func (s *Server) Close() error {
	s.web.Close()
	s.mu.Lock()
	for id := range s.sessions {
		s.faults = append(s.faults, fmt.Errorf("session %s was not ended", id))
		s.end(id)
	}
	s.mu.Unlock()
	s.wait.Wait()
	return errors.Join(s.faults...)
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Busy > 0 {
		s.Busy--
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != "application/sdp" {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	p := &session{offer: string(body)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	if p.pc, err = s.connect(p); err != nil {
		p.stop()
		s.faults = append(s.faults, err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.count++
	id := fmt.Sprint(s.count)
	s.sessions[id] = p
	answer, err := p.answer()
	if err != nil {
		s.faults = append(s.faults, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", "session/"+id) // relative, as some servers send it
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer)
}

// connect makes the connection of a session.
func (s *Server) connect(p *session) (*webrtc.PeerConnection, error) {
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	codecs := &webrtc.MediaEngine{}
	if err := codecs.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(codecs)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			s.Packets[track.Kind()-webrtc.RTPCodecTypeAudio].Add(1)
		}
	})
	if s.Source == nil {
		return pc, nil
	}
	codec := s.Source.Codecs()[0]
	track, err := webrtc.NewTrackLocalStaticSample(
		webrtc.RTPCodecCapability{MimeType: string(codec), ClockRate: codec.ClockRate()}, "media", "server")
	if err != nil {
		return nil, err
	}
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			s.wait.Go(func() { s.send(p.ctx, track, codec) })
		}
	})
	_, err = pc.AddTrack(track)
	return pc, err
}

func (s *Server) send(ctx context.Context, track *webrtc.TrackLocalStaticSample, codec peer.Codec) {
	for {
		sample, err := s.Source.Next(ctx, codec)
		if err != nil || track.WriteSample(media.Sample{Data: sample.Data, Duration: sample.Duration}) != nil {
			return
		}
	}
}

// answer answers the offer, with all candidates.
func (p *session) answer() (string, error) {
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: p.offer}); err != nil {
		return "", err
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return p.pc.LocalDescription().SDP, nil
}

// patch restarts ICE: the fragment replaces the credentials and candidates of the offer.
func (s *Server) patch(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.sessions[r.PathValue("id")]
	body, err := io.ReadAll(r.Body)
	if p == nil || err != nil || r.Header.Get("If-Match") != "*" {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	p.offer = replaced(p.offer, string(body))
	answer, err := p.answer()
	if err != nil {
		s.faults = append(s.faults, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/trickle-ice-sdpfrag")
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "a=ice-") || strings.HasPrefix(line, "a=candidate:") {
			_, _ = io.WriteString(w, line)
		}
	}
}

// replaced returns an offer with the ICE attributes of a fragment.
func replaced(offer, fragment string) string {
	var ice, kept strings.Builder
	for line := range strings.Lines(fragment) {
		if strings.HasPrefix(line, "a=ice-") || strings.HasPrefix(line, "a=candidate:") {
			ice.WriteString(line)
		}
	}
	for line := range strings.Lines(offer) {
		if strings.HasPrefix(line, "a=ice-ufrag:") || strings.HasPrefix(line, "a=ice-pwd:") || strings.HasPrefix(line, "a=candidate:") {
			continue
		}
		kept.WriteString(line)
		if strings.HasPrefix(line, "a=mid:") {
			kept.WriteString(ice.String())
		}
	}
	return kept.String()
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[r.PathValue("id")] == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.end(r.PathValue("id"))
}

// end ends a session. The caller holds mu.
func (s *Server) end(id string) {
	p := s.sessions[id]
	p.stop()
	_ = p.pc.GracefulClose()
	delete(s.sessions, id)
}
