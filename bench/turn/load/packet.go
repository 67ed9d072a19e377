//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"github.com/pion/stun/v3"
)

// framing is the format of a payload between a client and the server.
type framing int

const (
	bare       framing = iota // none, for peers
	channel                   // ChannelData (RFC 8656, section 12.4)
	indication                // Send and Data indications (section 11)
)

const (
	channelNumber = 0x4001
	// headBytes is the size of the head of each payload, before the pattern: flow, sequence
	// number, and the time at which it was due.
	headBytes = 16
	// mostPrefix is the size of the longest prefix of a payload: STUN header,
	// XOR-PEER-ADDRESS, header of DATA.
	mostPrefix = 20 + 12 + 4
	mostBytes  = 1400
)

// pattern is the source of the payloads' bytes. Each payload starts at another place in it,
// so that a payload that was truncated, shifted or mixed up is detected.
type pattern struct {
	bytes [mostBytes + shifts]byte
}

const shifts = 251

func newPattern() *pattern {
	p := new(pattern)
	var seed [32]byte // the same in every run
	random := rand.NewChaCha8(seed)
	_, _ = random.Read(p.bytes[:]) // it never fails
	return p
}

// of returns the n bytes after the head of a packet.
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

// head parses the head, and checks all bytes after it.
func (p *pattern) head(payload []byte, flow uint32, size int) (sequence uint32, due int64, ok bool) {
	if len(payload) != size || binary.LittleEndian.Uint32(payload) != flow {
		return 0, 0, false
	}
	sequence = binary.LittleEndian.Uint32(payload[4:])
	due = int64(binary.LittleEndian.Uint64(payload[8:])) //nolint:gosec // G115: it was one
	return sequence, due, bytes.Equal(payload[headBytes:], p.of(flow, sequence, size-headBytes))
}

// prefix returns the bytes before each payload of size bytes to a peer. Sizes are multiples
// of 4, so that there is no padding.
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

// unwrapData returns the DATA of a Data indication.
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
