package signaling_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// TestEveryRequestIsHandled sends the sample of each request, as a peer in a room. What the
// server decodes it must also carry out: a request that it forgets is answered with the code
// internal.
func TestEveryRequestIsHandled(t *testing.T) {
	t.Parallel()
	server := serve(t, signaling.Config{Limits: signaling.DefaultLimits()})
	files, err := filepath.Glob(filepath.Join("protocol", "testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	requests := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var sample struct {
			Kind  string
			Frame map[string]any
		}
		if json.Unmarshal(text, &sample) != nil || sample.Kind != "request" {
			continue // invalid.json is a list
		}
		kind := sample.Frame["type"]
		if kind == string(protocol.TypeJoin) || kind == string(protocol.TypeSeen) {
			continue // the first is sent below, the second has no reply
		}
		requests++
		sample.Frame["id"] = 2
		frame, err := json.Marshal(sample.Frame)
		if err != nil {
			t.Fatal(err)
		}
		client := server.raw(t)
		client.send(fmt.Sprintf(`{"type":"join","id":1,"room":"room-%d"}`, requests))
		expect[protocol.Joined](client)
		client.send(string(frame))
		reply, code := client.read()
		if fault, ok := reply.(protocol.Error); reply == nil || ok && fault.Code == protocol.CodeInternal {
			t.Errorf("%s: the reply is %#v (close code %d)", file, reply, code)
		}
	}
	if requests < 6 {
		t.Errorf("only %d samples of requests", requests)
	}
}
