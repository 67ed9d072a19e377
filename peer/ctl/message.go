package ctl

import (
	"encoding/hex"
	"encoding/json"
	"math"
)

// Limits of messages, checked by the sender and by the receiver.
const (
	MaxBytes     = 64 << 10 // of a message, as sent
	MaxChatBytes = 16 << 10 // of a chat message, as sent
	MaxChatText  = 4000     // of the text of a chat message, in code points
	MaxFileText  = 255      // of the name and the media type of a file, in code points
	MaxText      = 64       // of any other text, in code points
	MaxFeatures  = 32       // names in Hello.Features
	MaxID        = math.MaxUint32
	MaxInteger   = 1<<53 - 1 // the largest integer that a JavaScript number holds exactly
)

// Version is the version of the messages, in Hello.
const Version = 1

// Message is a message of the channel: one of the types of this file.
type Message interface {
	// kind is the message's type on the wire.
	kind() string
}

// Hello is the first message of each end.
type Hello struct {
	V        uint64   `json:"v"`
	App      string   `json:"app"`      // the program and its version
	Features []string `json:"features"` // what the sender can do beyond the messages that it must know
	Name     string   `json:"name"`     // of the person; may be empty
}

// State is what the sender has switched on.
type State struct {
	Audio     bool `json:"audio"`
	Video     bool `json:"video"`
	Screen    bool `json:"screen"`
	Recording bool `json:"recording"`
	Held      bool `json:"held"` // the video is paused to save the sound
	MIDs      MIDs `json:"mids"`
}

// MIDs names the media sections of a shared screen (RFC 5888); "" = none.
type MIDs struct {
	Screen      string `json:"screen,omitempty"`
	ScreenAudio string `json:"screenAudio,omitempty"`
}

// Signal carries what the signaling server would carry, while it cannot be reached.
type Signal struct {
	Data json.RawMessage `json:"data"` // a JSON object, see protocol.CallData
}

// Commit opens the exchange for the safety code, see [Exchange].
type Commit struct {
	Hash Value `json:"hash"`
}

// Nonce answers a Commit.
type Nonce struct {
	Nonce Value `json:"nonce"`
}

// Reveal completes the exchange.
type Reveal struct {
	Nonce Value `json:"nonce"`
}

// Chat is a text from person to person.
type Chat struct {
	ID   uint32 `json:"id"` // 1 to MaxID; odd from the impolite end, even from the polite one
	Text string `json:"text"`
	At   uint64 `json:"at"` // ms since 1970
}

// Got confirms a Chat.
type Got struct {
	ID uint32 `json:"id"`
}

// OfferFile offers a file.
type OfferFile struct {
	ID   uint32 `json:"id"` // as in Chat
	Name string `json:"name"`
	Size uint64 `json:"size"` // in bytes
	MIME string `json:"mime"` // media type; may be empty
}

// Take asks for the bytes of an offered file.
type Take struct {
	ID     uint32 `json:"id"`
	Offset uint64 `json:"offset"` // of the first byte to send, a multiple of FileBlock
}

// Refuse declines an offered file.
type Refuse struct {
	ID uint32 `json:"id"`
}

// FileEnd says that all bytes of a file have been sent.
type FileEnd struct {
	ID     uint32 `json:"id"`
	SHA256 Value  `json:"sha256"` // of the SHA-256 of each block
}

// FileOK says that a file has arrived as it was sent.
type FileOK struct {
	ID uint32 `json:"id"`
}

// FileBad says that a file has arrived with another hash than its sender's.
type FileBad struct {
	ID uint32 `json:"id"`
}

// StopFile ends a file, from either end.
type StopFile struct {
	ID uint32 `json:"id"`
}

// Ping asks for a Pong with the same N and T.
type Ping struct {
	N uint64 `json:"n"`
	T uint64 `json:"t"` // the sender's clock in ms
}

// Pong answers a Ping.
type Pong struct {
	N uint64 `json:"n"`
	T uint64 `json:"t"`
	R uint64 `json:"r"` // the answering end's clock in ms
}

// Bye says that the sender ends the call, or that its page goes away and may return.
type Bye struct {
	Final bool `json:"final"` // hung up
}

func (Hello) kind() string     { return "hello" }
func (State) kind() string     { return "state" }
func (Signal) kind() string    { return "signal" }
func (Commit) kind() string    { return "commit" }
func (Nonce) kind() string     { return "nonce" }
func (Reveal) kind() string    { return "reveal" }
func (Chat) kind() string      { return "chat" }
func (Got) kind() string       { return "got" }
func (OfferFile) kind() string { return "offer_file" }
func (Take) kind() string      { return "take" }
func (Refuse) kind() string    { return "refuse" }
func (FileEnd) kind() string   { return "file_end" }
func (FileOK) kind() string    { return "file_ok" }
func (FileBad) kind() string   { return "file_bad" }
func (StopFile) kind() string  { return "stop_file" }
func (Ping) kind() string      { return "ping" }
func (Pong) kind() string      { return "pong" }
func (Bye) kind() string       { return "bye" }

// Value is a nonce, the hash that commits to one, or that of a file: 64 lower-case hex digits in JSON.
type Value [32]byte

// MarshalText implements encoding.TextMarshaler.
func (v Value) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, v[:]), nil }
