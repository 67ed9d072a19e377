package protocol

import (
	"encoding/json"
	"errors"
	"strconv"
)

// Description is an RTCSessionDescriptionInit of the W3C WebRTC specification.
type Description struct {
	Type string `json:"type"` // "offer", "answer", "pranswer" or "rollback"
	SDP  string `json:"sdp"`
}

// Candidate is an RTCIceCandidateInit of the W3C WebRTC specification. A nil
// field is null in JSON.
type Candidate struct {
	Candidate        string  `json:"candidate"`
	SDPMid           *string `json:"sdpMid"`
	SDPMLineIndex    *uint16 `json:"sdpMLineIndex"`
	UsernameFragment *string `json:"usernameFragment"`
}

// CallData is what the two peers of a call put into a message's data. Exactly
// one of Description, Candidate, EndOfCandidates and Renegotiate is set.
type CallData struct {
	// Call numbers the RTCPeerConnections between two peers: 1 for the first,
	// one more for each that replaces it. A message with a lower number than the
	// newest is outdated.
	Call int
	// N numbers the messages of one sender about one connection, in the order in
	// which they were made; 0 = not numbered. A receiver that gets them in more than
	// one way ignores what is not newer than the newest.
	N           uint64
	Description *Description
	Candidate   *Candidate
	// EndOfCandidates stands for "candidate": null, the end of trickling
	// (RFC 8838, section 13).
	EndOfCandidates bool
	// Renegotiate asks the other side to make an offer.
	Renegotiate bool
	// Ctl stands for "ctl": 1 beside a description: the sender has the data channels
	// of docs/call.md on this connection.
	Ctl bool
}

var errCallData = errors.New("call data holds not exactly one of description, candidate and renegotiate")

// MarshalJSON implements [json.Marshaler].
func (c CallData) MarshalJSON() ([]byte, error) {
	if c.parts() != 1 {
		return nil, errCallData
	}
	wire := callDataWire{Call: c.Call, N: lenientUint(c.N), Description: c.Description, Renegotiate: c.Renegotiate}
	if c.Ctl {
		wire.Ctl = ctlMark
	}
	switch {
	case c.EndOfCandidates:
		wire.Candidate = json.RawMessage("null")
	case c.Candidate != nil:
		raw, err := json.Marshal(c.Candidate)
		if err != nil {
			return nil, err
		}
		wire.Candidate = raw
	}
	return json.Marshal(wire)
}

// UnmarshalJSON implements [json.Unmarshaler]. It ignores unknown fields.
func (c *CallData) UnmarshalJSON(data []byte) error {
	var wire callDataWire
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	read := CallData{Call: wire.Call, Description: wire.Description, Renegotiate: wire.Renegotiate}
	read.N, read.Ctl = uint64(wire.N), wire.Ctl == ctlMark
	switch {
	case wire.Candidate == nil:
	case string(wire.Candidate) == "null":
		read.EndOfCandidates = true
	default:
		read.Candidate = new(Candidate)
		if err := json.Unmarshal(wire.Candidate, read.Candidate); err != nil {
			return err
		}
	}
	if read.parts() != 1 {
		return errCallData
	}
	*c = read
	return nil
}

// callDataWire distinguishes an absent candidate (nil) from null.
type callDataWire struct {
	Call        int             `json:"call"`
	N           lenientUint     `json:"n,omitempty"`
	Description *Description    `json:"description,omitempty"`
	Candidate   json.RawMessage `json:"candidate,omitempty"`
	Renegotiate bool            `json:"renegotiate,omitempty"`
	Ctl         lenientUint     `json:"ctl,omitempty"`
}

// ctlMark is the value of "ctl".
const ctlMark = 1

// lenientUint is an integer from 1 to MaxID. Anything else counts as absent and does
// not spoil the message, because other programs may use the field for something else.
type lenientUint uint64

// UnmarshalJSON implements [json.Unmarshaler].
func (u *lenientUint) UnmarshalJSON(data []byte) error {
	*u = 0
	if n, err := strconv.ParseUint(string(data), 10, 64); err == nil && n <= MaxID {
		*u = lenientUint(n)
	}
	return nil
}

func (c CallData) parts() int {
	n := 0
	for _, set := range []bool{c.Description != nil, c.Candidate != nil, c.EndOfCandidates, c.Renegotiate} {
		if set {
			n++
		}
	}
	return n
}
