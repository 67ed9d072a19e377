package protocol

import (
	"encoding/json"
	"time"
)

// Type is the value of a frame's "type" field.
type Type string

// The types of frames. TypeMessage and TypeICE are types of requests and of
// frames from the server.
const (
	TypeJoin        Type = "join"
	TypeLeave       Type = "leave"
	TypeMessage     Type = "message"
	TypeICE         Type = "ice"
	TypePing        Type = "ping"
	TypeReport      Type = "report"
	TypeSeen        Type = "seen"
	TypeJoined      Type = "joined"
	TypeFull        Type = "full"
	TypeLeft        Type = "left"
	TypeAck         Type = "ack"
	TypePong        Type = "pong"
	TypeError       Type = "error"
	TypeOtherJoined Type = "other_joined"
	TypeAway        Type = "away"
	TypeBack        Type = "back"
	TypeBye         Type = "bye"
	TypeClosing     Type = "closing"
)

// Frame is one of the frame types of this package.
type Frame interface {
	// FrameType returns the value of the frame's "type" field.
	FrameType() Type
	// appendTo appends the frame as JSON.
	appendTo(dst []byte) []byte
}

// Request is a frame from a client: [Join], [Leave], [Message], [ICE], [Seen],
// [Ping] or [Report].
type Request interface {
	Frame
	// RequestID returns the id that the reply carries, 0 when there is none.
	RequestID() uint64
}

// Reply is a frame that answers a request: [Joined], [Full], [Left], [Ack],
// [ICEReply], [Pong] or [Error].
type Reply interface {
	Frame
	// ReplyID returns the id of the request that it answers, 0 when that had
	// none.
	ReplyID() uint64
}

// Event is a frame that the server sends on its own: [OtherJoined],
// [MessageEvent], [Away], [Back] and [Bye], which carry a sequence number, and
// the notices [Closing] and [Error] (without an id), which do not.
type Event interface {
	Frame
	// EventSeq returns the sequence number: 1, 2, 3 and so on without gaps for
	// each peer. It is 0 for a notice.
	EventSeq() uint64
}

// Seconds is a duration as it stands in a frame: a JSON number of seconds,
// possibly with a fraction.
type Seconds float64

// SecondsOf converts d, with a precision of a millisecond.
func SecondsOf(d time.Duration) Seconds {
	return Seconds(float64(d.Milliseconds()) / 1000)
}

// Duration converts s to a [time.Duration].
func (s Seconds) Duration() time.Duration {
	return time.Duration(float64(s) * float64(time.Second))
}

// Join asks for a seat in a room: for a new one, with Resume for the seat that
// the peer has, with Replace for that of the page before a reload. Resume and
// Replace exclude each other.
type Join struct {
	ID    uint64 // 1 to MaxID; 0 = no id
	Room  string // see CanonicalRoom
	Name  string // for people, may be empty
	Token string // shows that the client may join; empty = it has none
	// Nonce is 128 random bits that the client keeps: a second join with the
	// same nonce gets the same seat. See CheckNonce; empty = none.
	Nonce   string
	Resume  string // the newest Joined.Resume or Pong.Resume; empty = a new seat
	Seq     uint64 // with Resume: the highest event that the client has seen; 0 = none
	Replace string // the Joined.Resume or Pong.Resume of the page before; empty = none
}

// Leave gives up the seat.
type Leave struct {
	ID uint64
}

// Message sends Data to one peer in the room, or to all others.
type Message struct {
	ID   uint64          // 0 = the sender wants no ack, and the server promises nothing
	To   string          // a peer id; empty = all other peers in the room
	Data json.RawMessage // any JSON value; [DecodeRequest] lets it alias the frame
}

// ICE asks for fresh ICE servers.
type ICE struct {
	ID uint64
}

// Seen confirms events. It has no reply.
type Seen struct {
	Seq uint64 // the highest event that the client has seen
}

// Ping asks for a pong, and may confirm events.
type Ping struct {
	ID  uint64
	Seq uint64 // the highest event that the client has seen; 0 = not said
}

// Report tells the server's operator what a client has observed.
type Report struct {
	ID    uint64
	Event string          // a short name, see CheckEventName
	Data  json.RawMessage // any JSON value; nil = none
}

// Joined says that a Join succeeded.
type Joined struct {
	ID         uint64
	Room       string  // in its canonical form
	Peer       string  // the id of the receiver of this frame
	Resume     string  // takes the seat back, see Join.Resume; a secret of the receiver; empty = the seat cannot be taken back
	Resumed    bool    // the seat was taken back, nothing is lost, and the missed events follow
	Peers      []Peer  // the others, in the order of their seats; to be ignored when Resumed
	Capacity   int     // 0 = no limit
	Grace      Seconds // how long a seat is held after its connection broke; 0 = not at all
	Ping       Seconds // how often the server pings; 0 = it does not
	ICEServers []ICEServer
	ICETTL     Seconds // how long the credentials are valid; 0 = without limit
}

// Peer is another peer in the room, in a Joined.
type Peer struct {
	Peer   string `json:"peer"`
	Name   string `json:"name"`
	Away   bool   `json:"away"`   // its connection broke and its seat is held
	Polite bool   `json:"polite"` // true = the receiver of this frame is polite towards it
}

// ICEServer is an RTCIceServer of the W3C WebRTC specification.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Full says that the room has no free seat.
type Full struct {
	ID       uint64
	Room     string
	Capacity int
}

// Left says that a Leave was carried out.
type Left struct {
	ID uint64
}

// Ack says that a Message is in the queue of each peer in To, or that a Report
// was accepted.
type Ack struct {
	ID     uint64
	To     []string  // empty for a Report
	Failed []Failure // receivers whose queue does not have it
}

// Failure names a receiver that a Message to all did not reach.
type Failure struct {
	Peer string `json:"peer"`
	Code Code   `json:"code"`
}

// ICEReply answers an ICE request.
type ICEReply struct {
	ID         uint64
	ICEServers []ICEServer
	ICETTL     Seconds
}

// Pong answers a Ping.
type Pong struct {
	ID     uint64
	Resume string // replaces Joined.Resume from now on; empty = that one stays valid
}

// Error answers a request that was not carried out. Without an ID it is a
// notice. It is a Go error as well.
type Error struct {
	ID      uint64
	Code    Code
	Message string  // for people
	Retry   bool    // the same request may succeed later
	After   Seconds // how much later; only with Retry
}

// OtherJoined says that another peer took a seat.
type OtherJoined struct {
	Seq     uint64
	Peer    string
	Name    string
	Polite  bool // true = the receiver of this frame is polite towards it
	Resumed bool // always false: what the peer had not confirmed is lost
}

// MessageEvent is a message from another peer.
type MessageEvent struct {
	Seq  uint64
	From string
	Data json.RawMessage
}

// Away says that a peer's connection broke. Its seat is held.
type Away struct {
	Seq  uint64
	Peer string
}

// Back says that a peer has taken its seat back.
type Back struct {
	Seq     uint64
	Peer    string
	Resumed bool // false = what it had not confirmed is lost
}

// Bye says that a peer's seat is free.
type Bye struct {
	Seq    uint64
	Peer   string
	Reason Reason
	// Undelivered holds the ids of the receiver's messages that were
	// acknowledged and that the peer has not confirmed: they may have arrived.
	Undelivered []uint64
}

// Closing is the notice that the server is going down.
type Closing struct {
	After Seconds // reconnect after a random part of this
}

// FrameType implements [Frame].
func (Join) FrameType() Type { return TypeJoin }

// FrameType implements [Frame].
func (Leave) FrameType() Type { return TypeLeave }

// FrameType implements [Frame].
func (Message) FrameType() Type { return TypeMessage }

// FrameType implements [Frame].
func (ICE) FrameType() Type { return TypeICE }

// FrameType implements [Frame].
func (Ping) FrameType() Type { return TypePing }

// FrameType implements [Frame].
func (Report) FrameType() Type { return TypeReport }

// FrameType implements [Frame].
func (Seen) FrameType() Type { return TypeSeen }

// FrameType implements [Frame].
func (Joined) FrameType() Type { return TypeJoined }

// FrameType implements [Frame].
func (Full) FrameType() Type { return TypeFull }

// FrameType implements [Frame].
func (Left) FrameType() Type { return TypeLeft }

// FrameType implements [Frame].
func (Ack) FrameType() Type { return TypeAck }

// FrameType implements [Frame].
func (ICEReply) FrameType() Type { return TypeICE }

// FrameType implements [Frame].
func (Pong) FrameType() Type { return TypePong }

// FrameType implements [Frame].
func (Error) FrameType() Type { return TypeError }

// FrameType implements [Frame].
func (OtherJoined) FrameType() Type { return TypeOtherJoined }

// FrameType implements [Frame].
func (MessageEvent) FrameType() Type { return TypeMessage }

// FrameType implements [Frame].
func (Away) FrameType() Type { return TypeAway }

// FrameType implements [Frame].
func (Back) FrameType() Type { return TypeBack }

// FrameType implements [Frame].
func (Bye) FrameType() Type { return TypeBye }

// FrameType implements [Frame].
func (Closing) FrameType() Type { return TypeClosing }

// RequestID implements [Request].
func (f Join) RequestID() uint64 { return f.ID }

// RequestID implements [Request].
func (f Leave) RequestID() uint64 { return f.ID }

// RequestID implements [Request].
func (f Message) RequestID() uint64 { return f.ID }

// RequestID implements [Request].
func (f ICE) RequestID() uint64 { return f.ID }

// RequestID implements [Request].
func (f Ping) RequestID() uint64 { return f.ID }

// RequestID implements [Request].
func (f Report) RequestID() uint64 { return f.ID }

// RequestID implements [Request].
func (Seen) RequestID() uint64 { return 0 }

// ReplyID implements [Reply].
func (f Joined) ReplyID() uint64 { return f.ID }

// ReplyID implements [Reply].
func (f Full) ReplyID() uint64 { return f.ID }

// ReplyID implements [Reply].
func (f Left) ReplyID() uint64 { return f.ID }

// ReplyID implements [Reply].
func (f Ack) ReplyID() uint64 { return f.ID }

// ReplyID implements [Reply].
func (f ICEReply) ReplyID() uint64 { return f.ID }

// ReplyID implements [Reply].
func (f Pong) ReplyID() uint64 { return f.ID }

// ReplyID implements [Reply].
func (f Error) ReplyID() uint64 { return f.ID }

// EventSeq implements [Event].
func (f OtherJoined) EventSeq() uint64 { return f.Seq }

// EventSeq implements [Event].
func (f MessageEvent) EventSeq() uint64 { return f.Seq }

// EventSeq implements [Event].
func (f Away) EventSeq() uint64 { return f.Seq }

// EventSeq implements [Event].
func (f Back) EventSeq() uint64 { return f.Seq }

// EventSeq implements [Event].
func (f Bye) EventSeq() uint64 { return f.Seq }

// EventSeq implements [Event].
func (Closing) EventSeq() uint64 { return 0 }

// EventSeq implements [Event].
func (Error) EventSeq() uint64 { return 0 }
