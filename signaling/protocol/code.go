package protocol

// Code is the stable, program-readable part of an [Error].
type Code string

// The codes of errors.
const (
	CodeBadFrame      Code = "bad_frame"      // not a frame: not JSON, not an object, a key twice, binary, not UTF-8
	CodeBadRequest    Code = "bad_request"    // a frame, but of unknown type or with a field that cannot be
	CodeNotJoined     Code = "not_joined"     // join first
	CodeAlreadyJoined Code = "already_joined" // leave first
	CodeUnauthorized  Code = "unauthorized"   // the token, resume or replace is not good for this
	CodeNoSuchPeer    Code = "no_such_peer"   // nobody in this room has that id, or it is one's own
	CodeAlone         Code = "alone"          // nobody else is in the room
	CodeQueueFull     Code = "queue_full"     // nothing more is kept for the receiver, which has confirmed too little
	CodeTooLarge      Code = "too_large"      // the frame is larger than the server takes
	CodeRateLimited   Code = "rate_limited"   // too many, too fast
	CodeClosing       Code = "closing"        // the server is going down
	CodeUnknown       Code = "unknown"        // may or may not have been carried out; repeat it with the same id
	CodeInternal      Code = "internal"       // the server's fault
)

// Reason is why a peer's seat became free.
type Reason string

// The reasons of a [Bye].
const (
	ReasonLeft     Reason = "left"     // it said leave
	ReasonTimeout  Reason = "timeout"  // it did not come back within the grace time
	ReasonReplaced Reason = "replaced" // a reloaded page took its seat over
	ReasonKicked   Reason = "kicked"   // the server put it out: for what it sent, or at its operator's wish
)

// The WebSocket close codes that the server uses (RFC 6455, section 7.4).
const (
	CloseLeft      = 1000 // the client left; no need to come back
	CloseGoingAway = 1001 // the server is going down; come back
	CloseRestart   = 1012 // the server restarts; come back
	ClosePolicy    = 1008 // the client broke a rule; do not come back
	CloseTooLarge  = 1009 // a frame was too large; come back
	CloseTakenOver = 4001 // another connection took the seat over; do not come back
	CloseTooSlow   = 4002 // the client did not read fast enough; come back
)

// Error implements error: the text for people, after the code.
func (f Error) Error() string {
	if f.Message == "" {
		return string(f.Code)
	}
	return string(f.Code) + ": " + f.Message
}
