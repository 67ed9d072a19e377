package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"

	"callbox/signaling/protocol"
)

// sample is the form of the files in testdata.
type sample struct {
	Kind, About string
	Frame, Data json.RawMessage
}

func samples(tb testing.TB, pattern string) map[string]sample {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		tb.Fatalf("Glob(%q) = %v, %v", pattern, files, err)
	}
	all := make(map[string]sample)
	for _, file := range files {
		if filepath.Base(file) == "invalid.json" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		var s sample
		if err := json.Unmarshal(text, &s); err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = s
	}
	return all
}

func compact(tb testing.TB, raw []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func decode(kind string, frame []byte) (protocol.Frame, error) {
	if kind == "request" {
		return protocol.DecodeRequest(frame)
	}
	return protocol.DecodeServerFrame(frame)
}

func TestSamples(t *testing.T) {
	seen := make(map[string]bool)
	for file, s := range samples(t, "*.json") {
		frame := compact(t, s.Frame)
		f, err := decode(s.Kind, frame)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		seen[reflect.TypeOf(f).Name()] = true
		if got := protocol.Encode(f); !bytes.Equal(got, frame) {
			t.Errorf("%s: Encode gives\n%s\nwant\n%s", file, got, frame)
		}
		if spaced, err := decode(s.Kind, s.Frame); err != nil || spaced.FrameType() != f.FrameType() {
			t.Errorf("%s: with white space: %v, %v", file, spaced, err)
		}
	}
	source, err := os.ReadFile("frame.go")
	if err != nil {
		t.Fatal(err)
	}
	types := regexp.MustCompile(`(?m)^func \((?:f )?(\w+)\) FrameType\(`).FindAllSubmatch(source, -1)
	if len(types) < 20 {
		t.Errorf("frame.go declares only %d frames", len(types))
	}
	for _, name := range types {
		if !seen[string(name[1])] {
			t.Errorf("no sample of %s", name[1])
		}
	}
}

func TestDataSamples(t *testing.T) {
	for file, s := range samples(t, "data/*.json") {
		want := compact(t, s.Data)
		var data protocol.CallData
		if err := json.Unmarshal(want, &data); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if got, err := json.Marshal(data); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: Marshal gives\n%s, %v\nwant\n%s", file, got, err, want)
		}
	}
}

func TestInvalidSamples(t *testing.T) {
	text, err := os.ReadFile("testdata/invalid.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ About, Text, Code string }
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		f, err := protocol.DecodeRequest([]byte(c.Text))
		fault, ok := errors.AsType[protocol.Error](err)
		if !ok || string(fault.Code) != c.Code || fault.Message == "" || f != nil {
			t.Errorf("%s: DecodeRequest(%s) = %v, %v, want %s", c.About, c.Text, f, err, c.Code)
		}
	}
}
