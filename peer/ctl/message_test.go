package ctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
)

// sample is a message in testdata/messages.json, which the tests of the call page
// read, too. The text as sent is JSON, or what Make describes. Message is what a
// program that understood the text would send; null if it did not; "same" if it is
// the text.
type sample struct {
	Name string  `json:"name"`
	JSON *string `json:"json"`
	Make *struct {
		Before, Unit, After string
		Count               int
	} `json:"make"`
	Valid   bool            `json:"valid"`
	Message json.RawMessage `json:"message"`
	Error   string          `json:"error"`
}

func (s *sample) text() string {
	if s.JSON != nil {
		return *s.JSON
	}
	return s.Make.Before + strings.Repeat(s.Make.Unit, s.Make.Count) + s.Make.After
}

func readJSON(tb testing.TB, name string, into any) {
	tb.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		tb.Fatal(err)
	}
}

// asValue returns what JSON means, to compare it.
func asValue(tb testing.TB, text []byte) (v any) {
	tb.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		tb.Fatalf("%v: %.200s", err, text)
	}
	return v
}

func TestSamples(t *testing.T) {
	t.Parallel()
	var samples []sample
	readJSON(t, "messages.json", &samples)
	for _, s := range samples {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			m, err := Decode([]byte(s.text()))
			if !s.Valid {
				wrong, ok := errors.AsType[*Error](err)
				if !ok || wrong.What != s.Error || m != nil || wrong.Error() == "" {
					t.Fatalf("%v, %v; want %q", m, err, s.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if m == nil {
				if string(s.Message) != "null" {
					t.Errorf("not understood; want %s", s.Message)
				}
				return
			}
			sent, err := Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			want := s.Message
			if string(want) == `"same"` {
				want = json.RawMessage(s.text())
			}
			if !reflect.DeepEqual(asValue(t, sent), asValue(t, want)) {
				t.Errorf("sent %.200s, want %.200s", sent, want)
			}
		})
	}
}

// What the samples, which are JSON themselves, cannot say.
func TestNotUTF8(t *testing.T) {
	t.Parallel()
	m, err := Decode([]byte("{\"type\":\"chat\",\"id\":1,\"text\":\"\xff\",\"at\":1}"))
	if wrong, ok := errors.AsType[*Error](err); !ok || wrong.What != "json" || m != nil {
		t.Errorf("%v, %v", m, err)
	}
	sent, err := Encode(Chat{ID: 1, Text: "\xff"})
	if err != nil || !strings.Contains(string(sent), `\ufffd`) {
		t.Errorf("%s, %v", sent, err)
	}
}

// A sender finds out what a receiver would refuse.
func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	for what, m := range map[string]Message{
		"v":        Hello{},
		"name":     Hello{V: 1, Name: strings.Repeat("x", MaxText+1)},
		"features": Hello{V: 1, Features: make([]string, MaxFeatures+1)},
		"id":       Got{},
		"text":     Chat{ID: 1, Text: "\r"},
		"n":        Ping{N: math.MaxUint64},
		"data":     Signal{},
		"size":     Signal{Data: json.RawMessage(`{"x":"` + strings.Repeat("x", MaxBytes) + `"}`)},
	} {
		sent, err := Encode(m)
		if wrong, ok := errors.AsType[*Error](err); !ok || wrong.What != what || sent != nil {
			t.Errorf("%.40s, %v; want %q", sent, err, what)
		}
	}
}

// Whatever is understood can be sent on, and is then understood in the same way.
func FuzzDecode(f *testing.F) {
	var samples []sample
	readJSON(f, "messages.json", &samples)
	for _, s := range samples {
		f.Add([]byte(s.text()))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Decode(text)
		if m == nil {
			return
		}
		if err != nil {
			t.Fatalf("%#v and %v", m, err)
		}
		sent, err := Encode(m)
		if wrong, ok := errors.AsType[*Error](err); ok && wrong.What == "size" {
			return // because of what JSON escapes
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(sent)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := m.(Signal); !ok && !reflect.DeepEqual(m, again) { // the data of a signal has spaces where it likes
			t.Fatalf("%#v became %#v", m, again)
		}
	})
}
