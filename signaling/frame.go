package signaling

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// Opcodes of frames (RFC 6455, section 5.2).
const (
	opNone   byte = 0 // on the wire: continues the message
	opText   byte = websocket.TextMessage
	opBinary byte = websocket.BinaryMessage
	opClose  byte = websocket.CloseMessage
	opPing   byte = websocket.PingMessage
	opPong   byte = websocket.PongMessage
)

const (
	finalBit    = 0x80
	reservedBit = 0x70
	maskBit     = 0x80
	maxControl  = 125 // bytes in a control frame

	// maxHeader is the longest header of a client: two bytes, a length of
	// eight, a mask of four.
	maxHeader = 14

	// Close codes of RFC 6455, section 7.4.1.
	closeProtocolError  = websocket.CloseProtocolError
	closeInvalidPayload = websocket.CloseInvalidFramePayloadData
)

var (
	errProtocol      = errors.New("not a frame of RFC 6455")
	errFrameTooLarge = errors.New("frame beyond the limit")
)

// decoder splits the bytes from a client into messages and control frames (RFC
// 6455, section 5), wherever the bytes are cut. The zero value with a limit is
// ready. It holds memory only while something is incomplete.
type decoder struct {
	limit int // largest message, in bytes; 0 = none

	remaining int    // payload bytes of the frame that have not arrived yet
	key       uint32 // its mask, rotated to the next byte
	headLen   uint8  // bytes in head
	inFrame   bool   // its header is complete
	final     bool   // it is the last frame of its message
	opcode    byte   // of the frame
	message   byte   // opcode of the incomplete message; 0 = there is none
	begun     uint8  // frames whose headers were complete, up to 255; the caller counts and resets them
	head      [maxHeader]byte
	buffer    *[]byte // the message so far, unless it is all in one piece; from messageBuffers
	control   []byte  // a control frame so far, if it is cut
}

// next consumes bytes of p up to the end of one message or control frame. It
// returns the opcode, the payload, which is valid until the next call, and the
// rest of p. opNone means that p is used up and nothing is complete. It unmasks
// p in place. After an error the caller must close the connection.
func (d *decoder) next(p []byte) (opcode byte, payload, rest []byte, err error) {
	if d.buffer != nil && d.message == opNone { // the caller has had the whole message
		d.release()
	}
	for {
		if !d.inFrame {
			p, err = d.header(p)
			if err != nil || !d.inFrame {
				return opNone, nil, nil, err
			}
		}
		n := min(d.remaining, len(p))
		part := p[:n]
		p = p[n:]
		d.key = unmask(part, d.key)
		d.remaining -= n
		if d.opcode >= opClose {
			payload, whole := d.controlPart(part)
			if !whole {
				return opNone, nil, nil, nil
			}
			return d.opcode, payload, p, nil
		}
		if payload, whole := d.dataPart(part); whole {
			opcode, d.message = d.message, opNone
			return opcode, payload, p, nil
		}
		if d.inFrame {
			return opNone, nil, nil, nil
		}
	}
}

// release gives the buffer back, until the next message or for good.
func (d *decoder) release() {
	if d.buffer != nil {
		messageBuffers.Put(d.buffer)
		d.buffer = nil
	}
}

func (d *decoder) controlPart(part []byte) (payload []byte, whole bool) {
	d.inFrame = d.remaining > 0
	if d.inFrame || d.control != nil {
		d.control = append(d.control, part...)
		part = d.control
	}
	if d.inFrame {
		return nil, false
	}
	d.control = nil
	return part, true
}

func (d *decoder) dataPart(part []byte) (payload []byte, whole bool) {
	d.inFrame = d.remaining > 0
	if !d.inFrame && d.final && d.buffer == nil {
		return part, true
	}
	if len(part) > 0 {
		if d.buffer == nil {
			d.buffer = messageBuffers.Get()
		}
		*d.buffer = append(*d.buffer, part...)
	}
	if d.inFrame || !d.final {
		return nil, false
	}
	return *d.buffer, true
}

// header consumes the next frame's header, or what is there of it.
func (d *decoder) header(p []byte) ([]byte, error) {
	if d.headLen == 0 {
		size, err := d.headerSize(p)
		if err != nil {
			return nil, err
		}
		if len(p) >= size {
			return p[size:], d.begin(p[:size])
		}
	}
	for i, b := range p {
		d.head[d.headLen] = b
		d.headLen++
		head := d.head[:d.headLen]
		size, err := d.headerSize(head)
		if err != nil {
			return nil, err
		}
		if len(head) == size {
			d.headLen = 0
			return p[i+1:], d.begin(head)
		}
	}
	return nil, nil
}

// headerSize returns the length of the header that starts with head, as far as
// head shows it, and an error when head cannot be the start of one.
func (d *decoder) headerSize(head []byte) (int, error) {
	if len(head) < 2 {
		return maxHeader, nil
	}
	opcode, final := head[0]&0xf, head[0]&finalBit != 0
	switch opcode {
	case opNone:
		if d.message == opNone {
			return 0, errProtocol // there is no message to continue
		}
	case opText, opBinary:
		if d.message != opNone {
			return 0, errProtocol // in the middle of a message
		}
	case opClose, opPing, opPong:
		if !final {
			return 0, errProtocol
		}
	default:
		return 0, errProtocol
	}
	length := int(head[1] &^ maskBit)
	if head[0]&reservedBit != 0 || head[1]&maskBit == 0 || opcode >= opClose && length > maxControl {
		return 0, errProtocol
	}
	switch length {
	case 126:
		return 8, nil
	case 127:
		if len(head) >= 10 && head[2]&0x80 != 0 {
			return 0, errProtocol // a length has at most 63 bits
		}
		return 14, nil
	default:
		return 6, nil
	}
}

// begin records the frame that has the complete header head.
func (d *decoder) begin(head []byte) error {
	opcode := head[0] & 0xf
	length := uint64(head[1] &^ maskBit)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		length = binary.BigEndian.Uint64(head[2:])
	}
	if opcode < opClose {
		if d.limit > 0 && length > uint64(d.limit-d.size()) || length > 1<<40 { //nolint:gosec // size is never beyond limit
			return errFrameTooLarge
		}
		d.final = head[0]&finalBit != 0
		if opcode != opNone {
			d.message = opcode
		}
	}
	if d.begun < math.MaxUint8 {
		d.begun++
	}
	d.opcode, d.remaining, d.inFrame = opcode, int(length), true //nolint:gosec // at most 1<<40
	d.key = binary.LittleEndian.Uint32(head[len(head)-4:])
	return nil
}

// memory returns how many bytes d holds beyond what every connection may hold.
func (d *decoder) memory() int {
	if d.buffer == nil || d.message == opNone {
		return 0
	}
	return max(cap(*d.buffer)-messageBuffers.Size, 0)
}

// size returns how much of the message is buffered.
func (d *decoder) size() int {
	if d.buffer == nil {
		return 0
	}
	return len(*d.buffer)
}

// unmask unmasks p and returns the mask rotated to the byte after p (RFC 6455,
// section 5.3).
func unmask(p []byte, key uint32) uint32 {
	if len(p) >= 8 {
		wide := uint64(key)<<32 | uint64(key)
		for len(p) >= 32 {
			q := p[:32]
			binary.LittleEndian.PutUint64(q, binary.LittleEndian.Uint64(q)^wide)
			binary.LittleEndian.PutUint64(q[8:], binary.LittleEndian.Uint64(q[8:])^wide)
			binary.LittleEndian.PutUint64(q[16:], binary.LittleEndian.Uint64(q[16:])^wide)
			binary.LittleEndian.PutUint64(q[24:], binary.LittleEndian.Uint64(q[24:])^wide)
			p = p[32:]
		}
		for len(p) >= 8 {
			binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^wide)
			p = p[8:]
		}
	}
	for i := range p {
		p[i] ^= byte(key) //nolint:gosec // its lowest byte is meant
		key = bits.RotateLeft32(key, -8)
	}
	return key
}

// closeCode returns the code in a client's close frame, CloseNormalClosure when
// there is none. When the frame is invalid, it returns false and the code to
// close with (RFC 6455, sections 5.5.1 and 7.4).
func closeCode(payload []byte) (code int, ok bool) {
	if len(payload) == 0 {
		return websocket.CloseNormalClosure, true
	}
	if len(payload) == 1 {
		return closeProtocolError, false
	}
	code = int(binary.BigEndian.Uint16(payload))
	registered := []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}
	if !slices.Contains(registered, code) && (code < 3000 || code > 4999) {
		return closeProtocolError, false
	}
	if !utf8.Valid(payload[2:]) {
		return closeInvalidPayload, false
	}
	return code, true
}

// appendFrame appends one unfragmented, unmasked frame (RFC 6455, section 5.2).
func appendFrame(dst []byte, opcode byte, payload []byte) []byte {
	dst = append(dst, finalBit|opcode)
	switch n := len(payload); {
	case n <= maxControl:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
	return append(dst, payload...)
}
