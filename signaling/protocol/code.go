package protocol

// Code is the stable part of an [Error], for programs.
type Code string

// The codes of errors.
const (
	CodeBadFrame      Code = "bad_frame"      // not a frame: not JSON, not an object, a key twice, binary, not UTF-8
	CodeBadRequest    Code = "bad_request"    // a frame, but of unknown type or with an invalid field
	CodeNotJoined     Code = "not_joined"     // join first
	CodeAlreadyJoined Code = "already_joined" // leave first
	CodeUnauthorized  Code = "unauthorized"   // the token, resume or replace does not permit this
	CodeNoSuchPeer    Code = "no_such_peer"   // no peer in this room has that id, or it is the sender's own
	CodeAlone         Code = "alone"          // no other peer is in the room
	CodeQueueFull     Code = "queue_full"     // the receiver's queue is full: it has confirmed too little, or is away
	CodeTooLarge      Code = "too_large"      // the frame is larger than the server accepts
	CodeRateLimited   Code = "rate_limited"   // too many, or too fast
	CodeClosing       Code = "closing"        // the server is going down
	CodeUnknown       Code = "unknown"        // may or may not have been carried out; repeat it with the same id
	CodeInternal      Code = "internal"       // the server is at fault
)

// Reason is why a peer's seat became free.
type Reason string

// The reasons of a [Bye].
const (
	ReasonLeft     Reason = "left"     // it sent leave
	ReasonTimeout  Reason = "timeout"  // it did not come back within the grace time
	ReasonReplaced Reason = "replaced" // a reloaded page took its place
	ReasonKicked   Reason = "kicked"   // the server put it out: because of what it sent, or because its operator wanted it
)

// The WebSocket close codes that a server uses (RFC 6455, section 7.4).
// [IsFinalClose] says which of them a client must not reconnect after.
const (
	CloseLeft      = 1000 // the client left
	CloseGoingAway = 1001 // the server is going down, or heard nothing from the client
	ClosePolicy    = 1008 // the client broke a rule, or the operator put it out
	CloseTooLarge  = 1009 // a frame was larger than the server takes
	CloseRestart   = 1012 // the server restarts
	CloseTakenOver = 4001 // another connection took the seat over
	CloseTooSlow   = 4002 // the client did not read fast enough, or others need the connection or its memory
)

// CloseCodes returns the close codes above, in ascending order.
func CloseCodes() []int {
	return []int{CloseLeft, CloseGoingAway, ClosePolicy, CloseTooLarge, CloseRestart, CloseTakenOver, CloseTooSlow}
}

// IsFinalClose reports whether a client must not reconnect after a connection
// that was closed with code. After every other code, also an unknown one, it
// reconnects.
func IsFinalClose(code int) bool {
	switch code {
	case CloseLeft, ClosePolicy, CloseTakenOver:
		return true
	default:
		return false
	}
}

// Error implements error. It returns the code, and the text for people after it.
func (f Error) Error() string {
	if f.Message == "" {
		return string(f.Code)
	}
	return string(f.Code) + ": " + f.Message
}
