package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"callbox/signaling/protocol"
)

// ErrClosed is the error of a client that ended because of Close.
var ErrClosed = errors.New("the client is closed")

// ErrTooSlow is the error of a client that ended because too many of its events
// were not received.
var ErrTooSlow = errors.New("too many events are waiting to be received")

// ErrLost is the error of a message that was not acked before the server forgot
// the session. The message may or may not have arrived.
var ErrLost = errors.New("the server has forgotten the session; the message may be lost")

// ErrTooMany is the error of a request that is refused because too many others
// wait for their replies: 1024, or 4 MiB of them.
var ErrTooMany = errors.New("too many requests are waiting for the server")

// Errors with which this side aborts a connection.
var (
	errSilent = errors.New("nothing was received from the server for too long")
	errGap    = errors.New("the server skipped an event")
)

// FullError is the error of a join when the room has no free seat.
type FullError struct {
	Room     string
	Capacity int
}

// Error implements error.
func (e *FullError) Error() string {
	return fmt.Sprintf("room %q is full: it has %d seats", e.Room, e.Capacity)
}

// CloseError is the error of a connection that the server closed.
type CloseError struct {
	Code int    // WebSocket close code, see the Close constants of package protocol
	Text string // the server's reason, for people
}

// Error implements error.
func (e *CloseError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("the server closed the connection (code %d)", e.Code)
	}
	return fmt.Sprintf("the server closed the connection: %s (code %d)", e.Text, e.Code)
}

// HandshakeError is the error of Dial when the server, or a proxy in front of
// it, refused the connection.
type HandshakeError struct {
	Status  int    `json:"-"`       // the HTTP status
	Code    string `json:"code"`    // for programs; empty if the answer did not come from callbox
	Message string `json:"message"` // for people
	// After is how long the server asks to wait (Retry-After, RFC 9110, section
	// 10.2.3), at most a minute; 0 = it does not say.
	After time.Duration `json:"-"`
}

// Error implements error.
func (e *HandshakeError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("the server refused the connection (HTTP status %d)", e.Status)
	}
	return fmt.Sprintf("the server refused the connection: %s (HTTP status %d)", e.Message, e.Status)
}

// isFinal reports whether another attempt is pointless, because the server itself
// refused, and not only for the moment.
func (e *HandshakeError) isFinal() bool {
	return e.Code != "" && e.Status < http.StatusInternalServerError && e.Status != http.StatusTooManyRequests
}

// isCertificateFault reports whether err says that the server's certificate is
// not trusted.
func isCertificateFault(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

func unexpected(reply protocol.Frame) error {
	return fmt.Errorf("the server answered with %q, which does not fit the request", reply.FrameType())
}
