package whep_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"callbox/internal/wishtest"
	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/peer/whep"
)

const patience = 30 * time.Second

// Every frame that the server sends arrives intact.
func TestPlay(t *testing.T) {
	t.Parallel()
	s := wishtest.New(t)
	var err error
	if s.Source, err = peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20); err != nil {
		t.Fatal(err)
	}
	signaler, err := whep.New(whep.Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	enough, count := make(chan struct{}), 0
	call, err := peer.Join(t.Context(), peer.Config{
		Server: s.URL, Signaler: signaler, Duration: -1, ConnectTimeout: patience,
		Audio: peer.Tone(), // not used
		Sink: peer.SinkFunc(func(peer.ReceivedFrame) {
			if count++; count == 20 {
				close(enough)
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(call.Close)
	select {
	case <-enough:
	case <-time.After(patience):
		t.Fatal("no frames")
	}
	call.Hangup()
	r := call.Wait()
	video := r.Received("video")
	if r.ExitCode != peer.Good || video == nil || video.Frames.Intact == nil || *video.Frames.Intact < 20 || *video.Frames.Corrupt != 0 {
		t.Errorf("%d, %s: %+v", r.ExitCode, r.Reason, video)
	}
	for _, m := range r.Media {
		if m.Dir == "send" && m.Negotiated {
			t.Errorf("%+v", m)
		}
	}
}

// Janus 1.1 sends an offer of its own in the place of an answer. The call ends at once, and so does the session.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /endpoint", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", "/session")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=sendonly\r\n")
	})
	mux.HandleFunc("DELETE /session", func(http.ResponseWriter, *http.Request) { close(ended) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	signaler, err := whep.New(whep.Config{URL: server.URL + "/endpoint"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := peer.Run(t.Context(), peer.Config{Server: server.URL, Signaler: signaler, ConnectTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	if r.ExitCode != peer.NotJoined || !strings.Contains(r.Reason, "does not answer the offer") {
		t.Errorf("%d, %s", r.ExitCode, r.Reason)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the session was not ended")
	}
}
