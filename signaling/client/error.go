package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"callbox/signaling/protocol"
)

// ErrClosed is why a client ended after Close.
var ErrClosed = errors.New("the client is closed")

// ErrTooSlow is why a client ended whose events were not received.
var ErrTooSlow = errors.New("too many events are waiting to be received")

// ErrLost is why a message failed whose session the server has forgotten. It
// may have arrived.
var ErrLost = errors.New("the server has forgotten the session; the message may be lost")

// ErrTooMany is why a request is refused when too many wait for their replies.
var ErrTooMany = errors.New("too many requests are waiting for the server")

// What breaks a connection from this side.
var (
	errSilent = errors.New("nothing was received from the server for too long")
	errGap    = errors.New("the server skipped an event")
)

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
	// After is how long the server asks to wait (RFC 9110, section 10.2.3); 0 = it does not say.
	After time.Duration `json:"-"`
}

// Error implements error.
func (e *HandshakeError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("the server refused the connection (HTTP status %d)", e.Status)
	}
	return fmt.Sprintf("the server refused the connection: %s (HTTP status %d)", e.Message, e.Status)
}

// isFinal says whether asking again is of no use: the server itself refused,
// and not for the moment.
func (e *HandshakeError) isFinal() bool {
	return e.Code != "" && e.Status < http.StatusInternalServerError && e.Status != http.StatusTooManyRequests
}

// isCertificateFault says whether err is a refusal of the server's certificate.
func isCertificateFault(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

func unexpected(reply protocol.Frame) error {
	return fmt.Errorf("the server answered with %q, which does not fit the request", reply.FrameType())
}
