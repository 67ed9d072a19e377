package protocol

import (
	"encoding/json"
	"strconv"
)

// DecodeRequest decodes a frame from a client. Data in the result aliases frame.
//
// The error is always an [Error]: with CodeBadFrame when the text is no frame at
// all, with CodeBadRequest (and the request's id, if it is readable) when no
// server could carry it out. DecodeRequest does not check the bounds of names,
// see [CanonicalRoom], [CheckPeerName] and [CheckEventName].
func DecodeRequest(frame []byte) (Request, error) {
	var d decoder // stays on the stack
	if err := d.read(frame); err != nil {
		return nil, err
	}
	request := d.request()
	if d.fault != "" {
		return nil, Error{ID: d.id, Code: CodeBadRequest, Message: d.fault}
	}
	return request, nil
}

// DecodeServerFrame decodes a frame from a server: a [Reply] or an [Event]. Data
// in the result aliases frame. The error is as that of [DecodeRequest]. A client
// should ignore frames of unknown types.
func DecodeServerFrame(frame []byte) (Frame, error) {
	var d decoder // stays on the stack
	if err := d.read(frame); err != nil {
		return nil, err
	}
	f := d.serverFrame()
	if d.fault != "" {
		return nil, Error{ID: d.id, Code: CodeBadRequest, Message: d.fault}
	}
	return f, nil
}

// decoder decodes the fields of one frame, and keeps the first fault.
type decoder struct {
	envelope
	kind  Type
	id    uint64
	fault string
}

func (d *decoder) read(frame []byte) error {
	if err := d.scan(frame); err != nil {
		return Error{Code: CodeBadFrame, Message: err.Error()}
	}
	raw := d.envelope[fieldType]
	if len(raw) == 0 || raw[0] != '"' {
		return Error{Code: CodeBadFrame, Message: "the frame has no type"}
	}
	d.kind = typeOf(keyText(raw))
	d.id = d.integer(fieldID)
	if d.id == 0 && d.has(fieldID) {
		d.fault = "id is not an integer from 1 to 2^53-1"
	}
	return nil
}

// typeOf converts a type. It saves an allocation for the most frequent ones.
func typeOf(text []byte) Type {
	switch string(text) {
	case string(TypeMessage):
		return TypeMessage
	case string(TypeAck):
		return TypeAck
	case string(TypeSeen):
		return TypeSeen
	case string(TypePing):
		return TypePing
	default:
		return Type(text)
	}
}

func (d *decoder) request() Request {
	switch d.kind {
	case TypeJoin:
		return d.join()
	case TypeLeave:
		return Leave{ID: d.id}
	case TypeMessage:
		to := d.text(fieldTo)
		if to == "" && d.has(fieldTo) {
			d.setFault("to is empty; leave it out to reach everybody")
		}
		if d.envelope[fieldData] == nil {
			d.setFault("a message needs data")
		}
		return Message{ID: d.id, To: to, Data: json.RawMessage(d.envelope[fieldData])}
	case TypeICE:
		return ICE{ID: d.id}
	case TypeSeen:
		d.require(fieldSeq, "a seen needs a seq")
		return Seen{Seq: d.integer(fieldSeq)}
	case TypePing:
		return Ping{ID: d.id, Seq: d.integer(fieldSeq)}
	case TypeReport:
		d.require(fieldEvent, "a report needs an event")
		return Report{ID: d.id, Event: d.text(fieldEvent), Data: json.RawMessage(d.envelope[fieldData])}
	default:
		d.setFault("there is no request of this type")
		return nil
	}
}

func (d *decoder) join() Join {
	d.require(fieldRoom, "a join needs a room")
	if d.has(fieldResume) && d.has(fieldReplace) {
		d.setFault("a join has resume or replace, not both")
	}
	return Join{
		ID: d.id, Room: d.text(fieldRoom), Name: d.text(fieldName), Token: d.text(fieldToken), Nonce: d.text(fieldNonce),
		Resume: d.text(fieldResume), Seq: d.integer(fieldSeq), Replace: d.text(fieldReplace),
	}
}

func (d *decoder) serverFrame() Frame {
	switch d.kind {
	case TypeJoined:
		return d.joined()
	case TypeFull:
		return Full{ID: d.id, Room: d.text(fieldRoom), Capacity: d.count(fieldCapacity)}
	case TypeLeft:
		return Left{ID: d.id}
	case TypeAck:
		f := Ack{ID: d.id}
		d.list(fieldTo, &f.To)
		d.list(fieldFailed, &f.Failed)
		return f
	case TypeICE:
		f := ICEReply{ID: d.id, ICETTL: d.seconds(fieldICETTL)}
		d.list(fieldICEServers, &f.ICEServers)
		return f
	case TypePong:
		return Pong{ID: d.id, Resume: d.text(fieldResume)}
	case TypeError:
		return Error{
			ID: d.id, Code: Code(d.text(fieldCode)), Message: d.text(fieldMessage),
			Retry: d.boolean(fieldRetry), After: d.seconds(fieldAfter),
		}
	case TypeOtherJoined:
		return OtherJoined{
			Seq: d.integer(fieldSeq), Peer: d.text(fieldPeer), Name: d.text(fieldName),
			Polite: d.boolean(fieldPolite), Resumed: d.boolean(fieldResumed),
		}
	case TypeMessage:
		return MessageEvent{Seq: d.integer(fieldSeq), From: d.text(fieldFrom), Data: json.RawMessage(d.envelope[fieldData])}
	case TypeAway:
		return Away{Seq: d.integer(fieldSeq), Peer: d.text(fieldPeer)}
	case TypeBack:
		return Back{Seq: d.integer(fieldSeq), Peer: d.text(fieldPeer), Resumed: d.boolean(fieldResumed)}
	case TypeBye:
		f := Bye{Seq: d.integer(fieldSeq), Peer: d.text(fieldPeer), Reason: Reason(d.text(fieldReason))}
		d.list(fieldUndelivered, &f.Undelivered)
		return f
	case TypeClosing:
		return Closing{After: d.seconds(fieldAfter)}
	default:
		d.setFault("there is no frame of this type from a server")
		return nil
	}
}

func (d *decoder) joined() Joined {
	f := Joined{
		ID: d.id, Room: d.text(fieldRoom), Peer: d.text(fieldPeer),
		Resume: d.text(fieldResume), Resumed: d.boolean(fieldResumed), Capacity: d.count(fieldCapacity), Grace: d.seconds(fieldGrace), Ping: d.seconds(fieldPing),
		ICETTL: d.seconds(fieldICETTL),
	}
	d.list(fieldPeers, &f.Peers)
	d.list(fieldICEServers, &f.ICEServers)
	return f
}

func (d *decoder) setFault(fault string) {
	if d.fault == "" {
		d.fault = fault
	}
}

// has reports whether the frame has f. null counts as absent, because some
// languages write fields that are not set that way.
func (e *envelope) has(f field) bool {
	return e[f] != nil && e[f][0] != 'n'
}

func (d *decoder) require(f field, fault string) {
	if !d.has(f) {
		d.setFault(fault)
	}
}

func (d *decoder) text(f field) string {
	if !d.has(f) {
		return ""
	}
	raw := d.envelope[f]
	if raw[0] != '"' {
		d.setFault(f.String() + " is not a string")
		return ""
	}
	return string(keyText(raw))
}

// integer decodes an integer from 0 to MaxID.
func (d *decoder) integer(f field) uint64 {
	if !d.has(f) {
		return 0
	}
	n, err := strconv.ParseUint(string(d.envelope[f]), 10, 64)
	if err != nil || n > MaxID {
		d.setFault(f.String() + " is not an integer from 0 to 2^53-1")
		return 0
	}
	return n
}

func (d *decoder) count(f field) int {
	n := d.integer(f)
	if n > 1<<31-1 {
		d.setFault(f.String() + " is too large")
		return 0
	}
	return int(n)
}

func (d *decoder) seconds(f field) Seconds {
	if !d.has(f) {
		return 0
	}
	n, err := strconv.ParseFloat(string(d.envelope[f]), 64)
	if err != nil || n < 0 || n > 1e9 {
		d.setFault(f.String() + " is not a number of seconds")
		return 0
	}
	return Seconds(n)
}

func (d *decoder) boolean(f field) bool {
	if !d.has(f) {
		return false
	}
	switch string(d.envelope[f]) {
	case "true":
		return true
	case "false":
		return false
	default:
		d.setFault(f.String() + " is not true or false")
		return false
	}
}

// list decodes an array that only servers send, where speed does not matter.
func (d *decoder) list(f field, into any) {
	if !d.has(f) {
		return
	}
	if err := json.Unmarshal(d.envelope[f], into); err != nil {
		d.setFault(f.String() + " is not the list it should be")
	}
}
