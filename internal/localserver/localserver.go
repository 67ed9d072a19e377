// Package localserver runs a callbox signaling server in the process of an Example, which has no
// *testing.T. Tests use callbox/peer/peertest.
package localserver

import (
	"context"
	"net/http/httptest"
	"time"

	"callbox/signaling"
)

// closeTime is how long the clients of a server have to leave.
const closeTime = 10 * time.Second

// Server is a signaling server on loopback, without STUN and TURN.
type Server struct {
	URL string // for peer.Config.Server

	signaling *signaling.Server
	web       *httptest.Server
}

// Start starts a server with rooms for two. The caller must call Close.
func Start() *Server {
	server, err := signaling.New(signaling.Config{Capacity: 2, Ping: signaling.DefaultPing, Limits: signaling.DefaultLimits()})
	if err != nil {
		panic(err) // the configuration above is valid
	}
	web := httptest.NewServer(server.WebSocketHandler())
	return &Server{URL: web.URL, signaling: server, web: web}
}

// Close ends the server, its connections included.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = s.signaling.Close(ctx) // clients that do not leave in time are cut off
	s.web.Close()
}
