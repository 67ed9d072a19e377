package protocol

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPeek holds that it finds what DecodeRequest does, in every sample.
func TestPeek(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var sample struct{ Frame json.RawMessage }
		if json.Unmarshal(text, &sample) != nil {
			continue // a list of what is refused
		}
		text = sample.Frame
		request, err := DecodeRequest(text)
		if err != nil {
			continue // a frame of servers
		}
		kind, id, seq := Peek(text)
		if id != request.RequestID() || string(kind) == "" {
			t.Errorf("%s: %s, id %d, want id %d", file, kind, id, request.RequestID())
		}
		if seen, ok := request.(Seen); ok && seq != seen.Seq {
			t.Errorf("%s: seq %d, want %d", file, seq, seen.Seq)
		}
	}
	for _, text := range []string{"", "{", "[", `{"type"`, `{"type":`, `{"type":"x`, `{"id":1e9}`, `{"id":-1}`, `{"id":"1"}`, `{"id":99999999999999999999999}`, `{"a":{"id":3}}`, "\x00"} {
		if kind, id, _ := Peek([]byte(text)); kind != "" || id != 0 {
			t.Errorf("%s: %s, %d", text, kind, id)
		}
	}
}

func TestKeysAreBounded(t *testing.T) {
	key := strings.Repeat("k", 255)
	many := `{"type":"leave"` + strings.Repeat(`,"x":1`, 64) + `}`
	for text, want := range map[string]string{many: errKeys.Error(), `{"type":"leave","` + key + `":1}`: errLongKey.Error()} {
		if _, err := DecodeRequest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
