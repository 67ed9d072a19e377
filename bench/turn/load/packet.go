//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"github.com/pion/stun/v3"
)

// framing is how a payload is wrapped on its way between a client and the
// server.
type framing int

const (
	bare       framing = iota // not at all: a peer
	channel                   // ChannelData (RFC 8656, section 12.4)
	indication                // Send and Data indications (section 11)
)

const (
	channelNumber = 0x4001
	// headBytes are in front of the pattern in every payload: flow, sequence
	// number, and when it was to be sent.
	headBytes = 16
	// mostPrefix is the longest that stands before a payload: STUN header, XOR-PEER-ADDRESS,
	// header of DATA.
	mostPrefix = 20 + 12 + 4
	mostBytes  = 1400
)

// pattern is what payloads are made of: each begins elsewhere in it, so that
// one that was cut, shifted or mixed up does not pass for another.
type pattern struct {
	bytes [mostBytes + shifts]byte
}

const shifts = 251

func newPattern() *pattern {
	p := new(pattern)
	var seed [32]byte // the same every time
	random := rand.NewChaCha8(seed)
	_, _ = random.Read(p.bytes[:]) // it has no errors
	return p
}

// of is the n bytes behind the head of a packet.
func (p *pattern) of(flow, sequence uint32, n int) []byte {
	at := (sequence*7 + flow*13) % shifts
	return p.bytes[at : int(at)+n]
}

// putHead writes the head of a payload.
func putHead(b []byte, flow, sequence uint32, due int64) {
	binary.LittleEndian.PutUint32(b, flow)
	binary.LittleEndian.PutUint32(b[4:], sequence)
	binary.LittleEndian.PutUint64(b[8:], uint64(due)) //nolint:gosec // G115: never negative
}

// head reads it, and checks all bytes behind it.
func (p *pattern) head(payload []byte, flow uint32, size int) (sequence uint32, due int64, ok bool) {
	if len(payload) != size || binary.LittleEndian.Uint32(payload) != flow {
		return 0, 0, false
	}
	sequence = binary.LittleEndian.Uint32(payload[4:])
	due = int64(binary.LittleEndian.Uint64(payload[8:])) //nolint:gosec // G115: it was one
	return sequence, due, bytes.Equal(payload[headBytes:], p.of(flow, sequence, size-headBytes))
}

// prefix is what stands before each payload of size bytes to a peer. Sizes are
// multiples of 4, so nothing stands behind it.
func prefix(f framing, size int, peer netip.AddrPort) ([]byte, error) {
	switch f {
	case channel:
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, channelNumber), uint16(size)), nil //nolint:gosec // G115: at most mostBytes
	case indication:
		m, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), peerAddress(peer),
			stun.RawAttribute{Type: stun.AttrData, Value: make([]byte, size)})
		if err != nil {
			return nil, err
		}
		return m.Raw[:mostPrefix], nil
	default:
		return nil, nil
	}
}

// unwrap returns the payload of a message.
func unwrap(f framing, message []byte) (payload []byte, ok bool) {
	switch f {
	case channel:
		if len(message) < 4 || binary.BigEndian.Uint16(message) != channelNumber {
			return nil, false
		}
		n := int(binary.BigEndian.Uint16(message[2:]))
		if len(message)-4 < n {
			return nil, false
		}
		return message[4 : 4+n], true
	case indication:
		return unwrapData(message)
	default:
		return message, true
	}
}

// unwrapData returns DATA of a Data indication.
func unwrapData(message []byte) ([]byte, bool) {
	if len(message) < 20 || binary.BigEndian.Uint16(message) != 0x0017 {
		return nil, false
	}
	for rest := message[20:]; len(rest) >= 4; {
		kind, n := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if len(rest) < 4+n {
			break
		}
		if kind == uint16(stun.AttrData) {
			return rest[4 : 4+n], true
		}
		rest = rest[min(len(rest), 4+(n+3)&^3):]
	}
	return nil, false
}
