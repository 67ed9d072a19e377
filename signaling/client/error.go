package client

import (
	"errors"
	"fmt"

	"callbox/signaling/protocol"
)

// ErrClosed is why a client ended after Close.
var ErrClosed = errors.New("the client is closed")

// ErrTooSlow is why a client ended whose events were not received.
var ErrTooSlow = errors.New("too many events wait to be received")

// FullError tells that a room has no free seat.
type FullError struct {
	Room     string
	Capacity int
}

// Error implements error.
func (e *FullError) Error() string {
	return fmt.Sprintf("room %q is full: it has %d seats", e.Room, e.Capacity)
}

// CloseError tells that the server closed the connection.
type CloseError struct {
	Code int    // see the Close constants of package protocol
	Text string // for people
}

// Error implements error.
func (e *CloseError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("the server closed the connection (code %d)", e.Code)
	}
	return fmt.Sprintf("the server closed the connection: %s (code %d)", e.Text, e.Code)
}

// HandshakeError tells that the server refused the connection.
type HandshakeError struct {
	Status  int    `json:"-"`       // the HTTP status
	Code    string `json:"code"`    // for programs; empty when the answer was not callbox's
	Message string `json:"message"` // for people
}

// Error implements error.
func (e *HandshakeError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("the server refused the connection (HTTP status %d)", e.Status)
	}
	return fmt.Sprintf("the server refused the connection: %s (HTTP status %d)", e.Message, e.Status)
}

func unexpected(reply protocol.Frame) error {
	return fmt.Errorf("the server answered with %q, which does not fit the request", reply.FrameType())
}
