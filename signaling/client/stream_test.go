package client

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// decodeStream returns all events of a stream, and why it ended.
func decodeStream(r io.Reader, limit int) ([]streamEvent, error) {
	d := newStreamDecoder(r, limit, func() {})
	var all []streamEvent
	for {
		event, err := d.next()
		if err != nil {
			return all, err
		}
		all = append(all, event)
	}
}

func TestStream(t *testing.T) {
	for text, want := range map[string][]streamEvent{
		"":                              nil,
		"data: a\n\n":                   {{"", []byte("a")}},
		"data:a\n\n":                    {{"", []byte("a")}},
		"data:  a\n\n":                  {{"", []byte(" a")}},
		"\ufeffdata: a\n\n":             {{"", []byte("a")}},
		"data: a\r\ndata: b\r\n\r\n":    {{"", []byte("a\nb")}},
		"data: a\r\rdata: b\n\n":        {{"", []byte("a")}, {"", []byte("b")}},
		"data\n\n":                      {{"", []byte{}}},
		"data\ndata\n\n":                {{"", []byte("\n")}},
		": comment\n\nid: 7\n\n":        nil,
		"event: close\ndata: {}\n\n":    {{"close", []byte("{}")}},
		"event: x\n\ndata: a\n\n":       {{"", []byte("a")}},
		"id: 7\nretry: 1\ndata: a\n\n":  {{"", []byte("a")}},
		"data: a\nDATA: b\n\ndata: cut": {{"", []byte("a")}},
	} {
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			got, err := decodeStream(r, 100)
			if !errors.Is(err, io.EOF) || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %q, %v, want %q", text, got, err, want)
			}
		}
	}
	for _, text := range []string{strings.Repeat("x", 101), strings.Repeat("data: 1234567890\n", 11)} {
		if _, err := decodeStream(strings.NewReader(text), 100); !errors.Is(err, errLongEvent) {
			t.Errorf("%.20q…: %v, want errLongEvent", text, err)
		}
	}
}

// FuzzStream compares the decoder with a simple implementation of the standard.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{
		"data: {\"type\":\"closing\",\"after\":5}\n\n", ": ping\n\nid: 7\ndata: a\ndata: b\n\n",
		"event: close\r\ndata: {\"code\":4001}\r\n\r\n", "\ufeffdata\r\rdata: x", "data: a\n\r\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const limit = 1 << 10
		got, err := decodeStream(bytes.NewReader(text), limit)
		if errors.Is(err, errLongEvent) {
			if len(text) < limit {
				t.Fatalf("%d bytes are too long", len(text))
			}
			return
		}
		if want := simpleStream(string(text)); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	})
}

func simpleStream(text string) (all []streamEvent) {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(text, "\n")
	var name string
	var data []string
	for _, line := range lines[:len(lines)-1] { // what follows the last end is no line yet
		if line == "" {
			if data != nil {
				all = append(all, streamEvent{name, []byte(strings.Join(data, "\n"))})
			}
			name, data = "", nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data = append(data, value)
		}
	}
	return all
}
