// Package protocol defines the frames that callbox's signaling server and its
// clients exchange: their Go types, how they are written and read, the codes
// they carry and the rules for names. PROTOCOL.md, one folder up, says what
// each frame means; testdata holds samples of every frame.
//
// A frame is one JSON object in one WebSocket text message. A server reads
// with [DecodeRequest], a client with [DecodeServerFrame]; both write with
// [Encode] or [Append]. Decoding accepts a subset of JSON objects: no key may
// stand twice, keys are case-sensitive, the text is valid UTF-8. Fields that
// are not known are ignored. The data of a message is checked to be JSON and
// otherwise left alone, byte for byte.
package protocol

// Subprotocol is the WebSocket subprotocol (RFC 6455, section 1.9) that a
// client offers and the server selects.
const Subprotocol = "callbox.v1"

// MaxID is the largest request id: the largest integer that a JavaScript
// number holds exactly.
const MaxID = 1<<53 - 1

// MaxDepth is how deep arrays and objects may nest in a frame: as deep as
// encoding/json allows.
const MaxDepth = 10000
