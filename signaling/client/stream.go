package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// errLongEvent ends a stream whose event is larger than any frame.
var errLongEvent = errors.New("an event in the stream is too large")

// streamEvent is one event of a stream of Server-Sent Events (WHATWG HTML,
// section 9.2).
type streamEvent struct {
	name string // "" = message
	data []byte
}

// streamDecoder reads events. Every line, even a comment, counts as activity.
type streamDecoder struct {
	r     *bufio.Reader
	limit int // bytes of one event

	noteActivity func()

	started bool
	afterCR bool
	line    []byte
}

func newStreamDecoder(r io.Reader, limit int, noteActivity func()) *streamDecoder {
	return &streamDecoder{r: bufio.NewReader(r), limit: limit, noteActivity: noteActivity}
}

// next returns the next event that has data. An event that is incomplete at the
// end of the stream is dropped.
func (d *streamDecoder) next() (streamEvent, error) {
	var event streamEvent
	hasData := false
	for {
		line, err := d.readLine()
		if err != nil {
			return streamEvent{}, err
		}
		d.noteActivity()
		if len(line) == 0 {
			if hasData {
				return event, nil
			}
			event = streamEvent{}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) { // a comment has the field ""
		case "event":
			event.name = string(value)
		case "data":
			if len(event.data)+len(value) >= d.limit {
				return streamEvent{}, errLongEvent
			}
			if hasData {
				event.data = append(event.data, '\n')
			} else {
				event.data = make([]byte, 0, len(value))
			}
			event.data = append(event.data, value...)
			hasData = true
		}
	}
}

// readLine returns a line without its line end, which is CR, LF or CRLF. The
// slice is valid until the next call.
func (d *streamDecoder) readLine() ([]byte, error) {
	d.line = d.line[:0]
	for {
		b, err := d.r.ReadByte()
		if err != nil {
			return nil, err
		}
		follows := d.afterCR
		d.afterCR = b == '\r'
		switch {
		case b == '\n' && follows: // the rest of CRLF
		case b == '\n' || b == '\r':
			return d.withoutMark(), nil
		case len(d.line) >= d.limit:
			return nil, errLongEvent
		default:
			d.line = append(d.line, b)
		}
	}
}

// withoutMark returns the line, the first one without its byte order mark.
func (d *streamDecoder) withoutMark() []byte {
	if d.started {
		return d.line
	}
	d.started = true
	return bytes.TrimPrefix(d.line, []byte("\ufeff"))
}
