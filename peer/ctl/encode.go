package ctl

import (
	"bytes"
	"encoding/json"
)

// Encode returns m as it is sent, one JSON object. Bytes of its texts that are not
// UTF-8 become U+FFFD. The error is an [*Error] if m exceeds a limit: then every
// receiver would refuse it.
func Encode(m Message) ([]byte, error) {
	if h, ok := m.(Hello); ok && h.Features == nil {
		h.Features = []string{} // not null
		m = h
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m); err != nil {
		return nil, err
	}
	text := append([]byte(`{"type":"`+m.kind()+`",`), bytes.TrimSpace(body.Bytes())[1:]...)
	if _, err := Decode(text); err != nil {
		return nil, err
	}
	return text, nil
}
