package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// frame is one frame from the server.
type frame struct {
	text   string
	order  int // among all that came on its connection
	fields map[string]json.RawMessage
}

// serverSchema compiles what the protocol says of frames from servers, once.
var serverSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile("../protocol/schema.json#/$defs/server")
})

// parseFrame reads a frame, and holds it to the schema.
func parseFrame(text []byte) (frame, error) {
	f := frame{text: string(text)}
	if err := json.Unmarshal(text, &f.fields); err != nil {
		return f, fmt.Errorf("%.300s is no JSON object: %w", text, err)
	}
	if err := keysOnce(text); err != nil {
		return f, err
	}
	schema, err := serverSchema()
	if err != nil {
		return f, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return f, err
	}
	if err := schema.Validate(value); err != nil {
		return f, fmt.Errorf("%.300s is not as the JSON Schema says: %w", text, err)
	}
	return f, nil
}

// keysOnce refuses an object that has a key twice, which package json takes.
func keysOnce(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if seen[name] {
			return fmt.Errorf("%.300s has the key %q twice", text, name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

func (f frame) has(key string) bool { return f.fields[key] != nil }

// data returns the text of the data, as it came.
func (f frame) data() string { return string(f.fields["data"]) }

func field[T any](f frame, key string) T {
	var v T
	_ = json.Unmarshal(f.fields[key], &v) // the schema has checked it
	return v
}

func (f frame) str(key string) string  { return field[string](f, key) }
func (f frame) num(key string) float64 { return field[float64](f, key) }
func (f frame) truth(key string) bool  { return field[bool](f, key) }
func (f frame) kind() string           { return f.str("type") }
func (f frame) id() int64              { return field[int64](f, "id") }
func (f frame) seq() int64             { return field[int64](f, "seq") }
func (f frame) to() []string           { return field[[]string](f, "to") }

// undelivered returns the ids that a bye names, as a text to compare.
func (f frame) undelivered() string {
	return fmt.Sprint(field[[]int64](f, "undelivered"))
}

// other is an element of joined.peers.
type other struct {
	Peer, Name   string
	Away, Polite bool
}

func (f frame) peers() []other { return field[[]other](f, "peers") }

// String shortens the frame for a failure's text.
func (f frame) String() string {
	if f.text == "" {
		return "nothing"
	}
	text := f.text
	if resume := f.str("resume"); resume != "" {
		text = strings.ReplaceAll(text, resume, "…")
	}
	if len(text) > 400 {
		return text[:400] + "…"
	}
	return text
}

// isEvent tells a frame that has a seq from replies and notices.
func (f frame) isEvent() bool { return f.has("seq") }

// fields are those of a request to send.
type fields map[string]any

func (f fields) text(kind string) string {
	all := fields{"type": kind}
	for k, v := range f {
		all[k] = v
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}
