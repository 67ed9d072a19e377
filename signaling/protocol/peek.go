package protocol

import "strconv"

// Peek extracts from a frame that is refused what the refusal needs: the type,
// the id for the reply, and the seq of a seen. It skips everything else, decodes
// nothing and checks nothing: what it does not find is zero.
func Peek(frame []byte) (kind Type, id, seq uint64) {
	i := skipSpace(frame, 0)
	if at(frame, i) != '{' {
		return "", 0, 0
	}
	for {
		i = skipSpace(frame, i+1)
		keyEnd, ok := skipString(frame, i)
		if !ok {
			return kind, id, seq
		}
		key := frame[i:keyEnd]
		i = skipSpace(frame, keyEnd)
		if at(frame, i) != ':' {
			return kind, id, seq
		}
		i = skipSpace(frame, i+1)
		end, ok := skipValue(frame, i)
		if !ok {
			return kind, id, seq
		}
		switch string(key) {
		case `"type"`:
			if value := frame[i:end]; value[0] == '"' {
				kind = typeOf(value[1 : len(value)-1])
			}
		case `"id"`:
			id = peekNumber(frame[i:end])
		case `"seq"`:
			seq = peekNumber(frame[i:end])
		}
		if i = skipSpace(frame, end); at(frame, i) != ',' {
			return kind, id, seq
		}
	}
}

func peekNumber(text []byte) uint64 {
	n, err := strconv.ParseUint(string(text[:min(len(text), 20)]), 10, 64)
	if err != nil || n > MaxID {
		return 0
	}
	return n
}
