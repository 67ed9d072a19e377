package protocol

import (
	"strconv"
	"unicode/utf8"
)

// Encode returns f as one JSON object on one line. It writes Data byte for byte:
// Data must be valid JSON. nil Data becomes null.
func Encode(f Frame) []byte {
	return f.appendTo(nil)
}

// Append appends what [Encode] returns to dst.
func Append(dst []byte, f Frame) []byte {
	return f.appendTo(dst)
}

// AppendMessage is Append for the most frequent event. It saves an allocation.
func AppendMessage(dst []byte, f MessageEvent) []byte { return f.appendTo(dst) }

// AppendAck is Append for the most frequent reply. It saves allocations.
func AppendAck(dst []byte, f Ack) []byte { return f.appendTo(dst) }

func (f Join) appendTo(dst []byte) []byte {
	dst = start(dst, TypeJoin, f.ID)
	dst = stringField(dst, "room", f.Room)
	if f.Name != "" {
		dst = stringField(dst, "name", f.Name)
	}
	if f.Token != "" {
		dst = stringField(dst, "token", f.Token)
	}
	if f.Nonce != "" {
		dst = stringField(dst, "nonce", f.Nonce)
	}
	if f.Resume != "" {
		dst = stringField(dst, "resume", f.Resume)
		dst = uintField(dst, "seq", f.Seq)
	}
	if f.Replace != "" {
		dst = stringField(dst, "replace", f.Replace)
	}
	return append(dst, '}')
}

func (f Leave) appendTo(dst []byte) []byte {
	return append(start(dst, TypeLeave, f.ID), '}')
}

func (f Message) appendTo(dst []byte) []byte {
	dst = start(dst, TypeMessage, f.ID)
	if f.To != "" {
		dst = stringField(dst, "to", f.To)
	}
	return append(dataField(dst, f.Data), '}')
}

func (f ICE) appendTo(dst []byte) []byte {
	return append(start(dst, TypeICE, f.ID), '}')
}

func (f Seen) appendTo(dst []byte) []byte {
	return append(uintField(start(dst, TypeSeen, 0), "seq", f.Seq), '}')
}

func (f Ping) appendTo(dst []byte) []byte {
	dst = start(dst, TypePing, f.ID)
	if f.Seq != 0 {
		dst = uintField(dst, "seq", f.Seq)
	}
	return append(dst, '}')
}

func (f Report) appendTo(dst []byte) []byte {
	dst = start(dst, TypeReport, f.ID)
	dst = stringField(dst, "event", f.Event)
	if f.Data != nil {
		dst = dataField(dst, f.Data)
	}
	return append(dst, '}')
}

func (f Joined) appendTo(dst []byte) []byte {
	dst = start(dst, TypeJoined, f.ID)
	dst = stringField(dst, "room", f.Room)
	dst = stringField(dst, "peer", f.Peer)
	if f.Resume != "" {
		dst = stringField(dst, "resume", f.Resume)
	}
	dst = boolField(dst, "resumed", f.Resumed)
	dst = append(dst, `,"peers":[`...)
	for i, p := range f.Peers {
		dst = comma(dst, i)
		dst = append(dst, `{"peer":`...)
		dst = appendString(dst, p.Peer)
		dst = stringField(dst, "name", p.Name)
		dst = boolField(dst, "away", p.Away)
		dst = boolField(dst, "polite", p.Polite)
		dst = append(dst, '}')
	}
	dst = append(dst, `],"capacity":`...)
	dst = strconv.AppendInt(dst, int64(f.Capacity), 10)
	dst = secondsField(dst, "grace", f.Grace)
	dst = secondsField(dst, "ping", f.Ping)
	dst = iceServersField(dst, f.ICEServers)
	dst = secondsField(dst, "iceTTL", f.ICETTL)
	return append(dst, '}')
}

func (f Full) appendTo(dst []byte) []byte {
	dst = start(dst, TypeFull, f.ID)
	dst = stringField(dst, "room", f.Room)
	dst = append(dst, `,"capacity":`...)
	dst = strconv.AppendInt(dst, int64(f.Capacity), 10)
	return append(dst, '}')
}

func (f Left) appendTo(dst []byte) []byte {
	return append(start(dst, TypeLeft, f.ID), '}')
}

func (f Ack) appendTo(dst []byte) []byte {
	dst = start(dst, TypeAck, f.ID)
	if len(f.To) > 0 || len(f.Failed) > 0 {
		dst = append(dst, `,"to":[`...)
		for i, peer := range f.To {
			dst = appendString(comma(dst, i), peer)
		}
		dst = append(dst, ']')
	}
	if len(f.Failed) > 0 {
		dst = append(dst, `,"failed":[`...)
		for i, failure := range f.Failed {
			dst = append(comma(dst, i), `{"peer":`...)
			dst = appendString(dst, failure.Peer)
			dst = stringField(dst, "code", string(failure.Code))
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func (f ICEReply) appendTo(dst []byte) []byte {
	dst = start(dst, TypeICE, f.ID)
	dst = iceServersField(dst, f.ICEServers)
	dst = secondsField(dst, "iceTTL", f.ICETTL)
	return append(dst, '}')
}

func (f Pong) appendTo(dst []byte) []byte {
	dst = start(dst, TypePong, f.ID)
	if f.Resume != "" {
		dst = stringField(dst, "resume", f.Resume)
	}
	return append(dst, '}')
}

func (f Error) appendTo(dst []byte) []byte {
	dst = start(dst, TypeError, f.ID)
	dst = stringField(dst, "code", string(f.Code))
	dst = stringField(dst, "message", f.Message)
	dst = boolField(dst, "retry", f.Retry)
	if f.Retry {
		dst = secondsField(dst, "after", f.After)
	}
	return append(dst, '}')
}

func (f OtherJoined) appendTo(dst []byte) []byte {
	dst = startEvent(dst, TypeOtherJoined, f.Seq)
	dst = stringField(dst, "peer", f.Peer)
	dst = stringField(dst, "name", f.Name)
	dst = boolField(dst, "polite", f.Polite)
	dst = boolField(dst, "resumed", f.Resumed)
	return append(dst, '}')
}

func (f MessageEvent) appendTo(dst []byte) []byte {
	dst = startEvent(dst, TypeMessage, f.Seq)
	dst = stringField(dst, "from", f.From)
	return append(dataField(dst, f.Data), '}')
}

func (f Away) appendTo(dst []byte) []byte {
	dst = startEvent(dst, TypeAway, f.Seq)
	return append(stringField(dst, "peer", f.Peer), '}')
}

func (f Back) appendTo(dst []byte) []byte {
	dst = startEvent(dst, TypeBack, f.Seq)
	dst = stringField(dst, "peer", f.Peer)
	dst = boolField(dst, "resumed", f.Resumed)
	return append(dst, '}')
}

func (f Bye) appendTo(dst []byte) []byte {
	dst = startEvent(dst, TypeBye, f.Seq)
	dst = stringField(dst, "peer", f.Peer)
	dst = stringField(dst, "reason", string(f.Reason))
	if len(f.Undelivered) > 0 {
		dst = append(dst, `,"undelivered":[`...)
		for i, id := range f.Undelivered {
			dst = strconv.AppendUint(comma(dst, i), id, 10)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func (f Closing) appendTo(dst []byte) []byte {
	dst = append(dst, `{"type":"closing"`...)
	return append(secondsField(dst, "after", f.After), '}')
}

func start(dst []byte, t Type, id uint64) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, t...)
	dst = append(dst, '"')
	if id != 0 {
		dst = uintField(dst, "id", id)
	}
	return dst
}

func startEvent(dst []byte, t Type, seq uint64) []byte {
	return uintField(start(dst, t, 0), "seq", seq)
}

func key(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

func comma(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}

func stringField(dst []byte, name, value string) []byte {
	return appendString(key(dst, name), value)
}

func uintField(dst []byte, name string, value uint64) []byte {
	return strconv.AppendUint(key(dst, name), value, 10)
}

func boolField(dst []byte, name string, value bool) []byte {
	return strconv.AppendBool(key(dst, name), value)
}

func secondsField(dst []byte, name string, value Seconds) []byte {
	return strconv.AppendFloat(key(dst, name), float64(value), 'f', -1, 64)
}

func dataField(dst, data []byte) []byte {
	dst = key(dst, "data")
	if data == nil {
		return append(dst, "null"...)
	}
	return append(dst, data...)
}

func iceServersField(dst []byte, servers []ICEServer) []byte {
	dst = append(dst, `,"iceServers":[`...)
	for i, s := range servers {
		dst = append(comma(dst, i), `{"urls":[`...)
		for j, url := range s.URLs {
			dst = appendString(comma(dst, j), url)
		}
		dst = append(dst, ']')
		if s.Username != "" {
			dst = stringField(dst, "username", s.Username)
		}
		if s.Credential != "" {
			dst = stringField(dst, "credential", s.Credential)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendString appends s as a JSON string (RFC 8259, section 7). Bytes that are
// not UTF-8 become U+FFFD. U+2028 and U+2029 are escaped, because a frame may be
// parsed as JavaScript.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[from:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
			}
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, s[from:i]...), `\ufffd`...)
			from = i + size
		case r == '\u2028' || r == '\u2029':
			dst = append(append(dst, s[from:i]...), '\\', 'u', '2', '0', '2', hex[r&0xf])
			from = i + size
		}
		i += size
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}
