package protocol_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"callbox/signaling/protocol"
)

// schema compiles one definition of schema.json.
func schema(tb testing.TB, definition string) *jsonschema.Schema {
	tb.Helper()
	s, err := jsonschema.NewCompiler().Compile("schema.json#/$defs/" + definition)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func value(tb testing.TB, text string) any {
	tb.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestSchemaAcceptsSamples(t *testing.T) {
	kinds := map[string]*jsonschema.Schema{}
	for _, kind := range []string{"request", "reply", "event", "notice"} {
		kinds[kind] = schema(t, kind)
	}
	server := schema(t, "server")
	for file, s := range samples(t, "*.json") {
		v := value(t, string(s.Frame))
		if err := kinds[s.Kind].Validate(v); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if err := server.Validate(v); (err == nil) != (s.Kind != "request") {
			t.Errorf("%s is a %s; as a frame from a server: %v", file, s.Kind, err)
		}
	}
}

// TestSchemaNeedsFields takes the fields out of each sample, one by one: the
// schema must notice those that the protocol requires.
func TestSchemaNeedsFields(t *testing.T) {
	optional := map[string][]string{
		"join": {"id", "name", "token", "nonce", "resume", "seq", "replace"}, "leave": {"id"}, "message": {"id", "to"},
		"ice": {"id"}, "ping": {"id", "seq"}, "pong": {"id", "resume"}, "report": {"id", "data"}, "joined": {"id"}, "full": {"id"},
		"left": {"id"}, "ack": {"to", "failed"}, "error": {"id"}, "bye": {"undelivered"},
	}
	for file, s := range samples(t, "*.json") {
		kind := schema(t, s.Kind)
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(s.Frame, &fields); err != nil {
			t.Fatal(err)
		}
		name := strings.Trim(string(fields["type"]), `"`)
		for field, kept := range fields {
			delete(fields, field)
			text, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			fields[field] = kept
			mayGo := strings.Contains(" "+strings.Join(optional[name], " ")+" ", " "+field+" ")
			// An error is a notice when it has no id, not a reply.
			if name == "error" && s.Kind == "reply" && field == "id" {
				mayGo = false
			}
			if err := kind.Validate(value(t, string(text))); (err == nil) != mayGo {
				t.Errorf("%s without %s, which may be absent: %v; the schema says %v", file, field, mayGo, err)
			}
		}
	}
}

// TestSchemaRefusesInvalidSamples holds the schema to the decoder: what is
// JSON, and no good as a request, is not valid either.
func TestSchemaRefusesInvalidSamples(t *testing.T) {
	text, err := os.ReadFile("testdata/invalid.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ About, Text, Code string }
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	request := schema(t, "request")
	tried := 0
	for _, c := range cases {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(c.Text))
		if err != nil || strings.Contains(c.About, "twice") {
			continue // no JSON, or a key twice: a schema sees neither
		}
		tried++
		if request.Validate(v) == nil {
			t.Errorf("%s: the schema takes %s", c.About, c.Text)
		}
	}
	if tried < 18 {
		t.Errorf("%d of the invalid samples are for a schema; the rest must not be all of them", tried)
	}
}

func TestSchemaRefuses(t *testing.T) {
	for _, c := range []struct{ kind, frame string }{
		{"request", `{"type":"join","room":"a b"}`},
		{"request", `{"type":"join","room":""}`},
		{"request", `{"type":"join","room":"a","name":"tab\there"}`},
		{"request", `{"type":"join","room":"a","nonce":""}`},
		{"request", `{"type":"join","room":"a","nonce":"` + strings.Repeat("n", 65) + `"}`},
		{"request", `{"type":"report","event":""}`},
		{"request", `{"type":"seen","seq":-1}`},
		{"server", `{"type":"pong","id":0}`},
		{"server", `{"type":"pong","id":1,"seq":1}`},
		{"server", `{"type":"bye","seq":1,"peer":"p","reason":"bored"}`},
		{"server", `{"type":"bye","seq":1,"peer":"p","reason":"left","undelivered":[]}`},
		{"server", `{"type":"bye","seq":0,"peer":"p","reason":"left"}`},
		{"server", `{"type":"error","id":1,"code":"alone","message":"","retry":false}`},
		{"server", `{"type":"error","id":1,"code":"alone","message":"x","retry":false,"after":1}`},
		{"server", `{"type":"error","id":1,"code":"queue_full","message":"x","retry":true}`},
		{"server", `{"type":"other_joined","seq":1,"peer":"p","name":"","polite":false,"resumed":true}`},
		{"server", `{"type":"ack","id":1,"to":["p","p"]}`},
		{"server", `{"type":"closing","after":-1}`},
	} {
		if schema(t, c.kind).Validate(value(t, c.frame)) == nil {
			t.Errorf("the schema takes %s", c.frame)
		}
	}
	for _, frame := range []string{
		`{"type":"leave","id":null}`,
		`{"type":"message","data":null,"to":null}`,
		`{"type":"join","room":"茶室","name":null,"resume":"x.y","replace":null,"unheard":[1]}`,
	} {
		if err := schema(t, "request").Validate(value(t, frame)); err != nil {
			t.Errorf("%s: %v", frame, err)
		}
	}
}

// TestSchemaKnowsCodes holds the list in the schema's text to the code.
func TestSchemaKnowsCodes(t *testing.T) {
	text, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []protocol.Code{
		protocol.CodeBadFrame, protocol.CodeBadRequest, protocol.CodeNotJoined, protocol.CodeAlreadyJoined,
		protocol.CodeUnauthorized, protocol.CodeNoSuchPeer, protocol.CodeAlone, protocol.CodeQueueFull,
		protocol.CodeTooLarge, protocol.CodeRateLimited, protocol.CodeClosing, protocol.CodeUnknown, protocol.CodeInternal,
	} {
		if !regexp.MustCompile(`\b` + string(code) + `\b`).Match(text) {
			t.Errorf("the schema does not know the code %s", code)
		}
	}
}
