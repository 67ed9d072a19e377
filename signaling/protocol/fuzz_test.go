package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"callbox/signaling/protocol"
)

// seeds adds every sample, valid or not, and some texts that are hard to read.
func seeds(f *testing.F) {
	f.Helper()
	for _, s := range samples(f, "*.json") {
		f.Add([]byte(s.Frame))
		f.Add(compact(f, s.Frame))
	}
	text, err := os.ReadFile("testdata/invalid.json")
	if err != nil {
		f.Fatal(err)
	}
	var invalid []struct{ Text string }
	if err := json.Unmarshal(text, &invalid); err != nil {
		f.Fatal(err)
	}
	for _, c := range invalid {
		f.Add([]byte(c.Text))
	}
	for _, text := range hardTexts() {
		f.Add([]byte(text))
	}
}

func hardTexts() []string {
	data := func(value string) string { return `{"type":"message","id":1,"data":` + value + `}` }
	return []string{
		data(`"\ud800 \u0000 \/ \b\f\n\r\t"`), data(`"\u12"`), data(`"\x"`), data("\"\x01\""), data(`"unclosed`),
		data(`-0`), data(`01`), data(`1.`), data(`1.5e-7`), data(`1e`), data(`+1`), data(`-`), data(`.5`), data(`1E+9`),
		data(`true`), data(`tru`), data(`nul`), data(`falsey`), data(`[1,2,]`), data(`[,]`), data(`{"a"}`), data(`{"a":1,}`),
		data(`{"a":{"a":[{},[],{"b":[[]]}]},"a":1}`), data(`[1 2]`), data(`{]`), data(`[}`), data(``), data(`[[[`),
		" \n\t\r{ \"type\" : \"leave\" , \"x\" : [ ] } \n", "\ufeff{}", "{}", "{}x", `{"":1}`, `{"a":1`, `{`, ``, ` `, `null`, `"`,
		`{"type":"leave","a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"i":9}`,
		`{"type":"ping","seq":9007199254740991}`, `{"type":"ping","id":1e3}`, `{"type":"ping","id":null,"seq":null}`,
		data(strings.Repeat("[", 9999) + strings.Repeat("]", 9999)),
		data(strings.Repeat("[", 10000) + strings.Repeat("]", 10000)),
		data(strings.Repeat(`{"a":`, 9999) + "1" + strings.Repeat("}", 9999)),
	}
}

// isFrame says what DecodeRequest must take for a frame, by encoding/json.
func isFrame(text []byte) bool {
	if !utf8.Valid(text) || !json.Valid(text) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return false
	}
	values := make(map[string]json.RawMessage)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return false
		}
		name := key.(string)
		if _, twice := values[name]; twice {
			return false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return false
		}
		values[name] = value
	}
	kind := values["type"]
	return len(kind) > 0 && kind[0] == '"'
}

func checkRequest(t *testing.T, text []byte) {
	t.Helper()
	original := bytes.Clone(text)
	request, err := protocol.DecodeRequest(text)
	if !bytes.Equal(text, original) {
		t.Fatalf("DecodeRequest changed %q to %q", original, text)
	}
	fault, _ := errors.AsType[protocol.Error](err)
	if strings.HasPrefix(fault.Message, "the frame has more than ") || strings.HasPrefix(fault.Message, "a key of the frame is longer ") {
		return // bounds that JSON does not have
	}
	if want := isFrame(text); want == (fault.Code == protocol.CodeBadFrame) {
		t.Fatalf("DecodeRequest(%.300q) = %v, %v, but encoding/json says frame: %v", text, request, err, want)
	}
	if err != nil {
		if request != nil || fault.Message == "" {
			t.Fatalf("DecodeRequest(%.300q) = %v, %+v", text, request, fault)
		}
		return
	}
	if m, ok := request.(protocol.Message); ok && !json.Valid(m.Data) {
		t.Fatalf("DecodeRequest(%.300q) passes invalid data %.300q", text, m.Data)
	}
	once := protocol.Encode(request)
	again, err := protocol.DecodeRequest(once)
	if err != nil {
		t.Fatalf("DecodeRequest(%.300q) after Encode: %v", once, err)
	}
	if twice := protocol.Encode(again); !bytes.Equal(once, twice) {
		t.Fatalf("Encode gives %.300q, then %.300q", once, twice)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	seeds(f)
	f.Fuzz(checkRequest)
}

func FuzzDecodeServerFrame(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		frame, err := protocol.DecodeServerFrame(text)
		if err != nil {
			if _, ok := errors.AsType[protocol.Error](err); !ok || frame != nil {
				t.Fatalf("DecodeServerFrame(%.300q) = %v, %v", text, frame, err)
			}
			return
		}
		once := protocol.Encode(frame)
		if !json.Valid(once) || !isFrame(once) {
			t.Fatalf("Encode(%#v) = %.300q", frame, once)
		}
		again, err := protocol.DecodeServerFrame(once)
		if err != nil {
			t.Fatalf("DecodeServerFrame(%.300q) after Encode: %v", once, err)
		}
		if twice := protocol.Encode(again); !bytes.Equal(once, twice) {
			t.Fatalf("Encode gives %.300q, then %.300q", once, twice)
		}
	})
}

func FuzzCallData(f *testing.F) {
	for _, s := range samples(f, "data/*.json") {
		f.Add([]byte(s.Data))
	}
	f.Add([]byte(`{"call":1}`))
	f.Add([]byte(`{"call":1,"renegotiate":true,"candidate":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var data, again protocol.CallData
		if json.Unmarshal(text, &data) != nil {
			return
		}
		once, err := json.Marshal(data)
		if err != nil {
			t.Fatalf("Marshal(%+v): %v", data, err)
		}
		if err := json.Unmarshal(once, &again); err != nil {
			t.Fatalf("Unmarshal(%s): %v", once, err)
		}
		if twice, err := json.Marshal(again); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("Marshal gives %s, then %s, %v", once, twice, err)
		}
	})
}

func FuzzCanonicalRoom(f *testing.F) {
	for _, name := range []string{"a", "", "café", "cafe\u0301", "茶室", "a b", "\xff", strings.Repeat("\u0958", 40), "😀"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		room, err := protocol.CanonicalRoom(name, protocol.MaxRoomName)
		if err != nil {
			return
		}
		if n := utf8.RuneCountInString(room); n < 1 || n > protocol.MaxRoomName {
			t.Fatalf("CanonicalRoom(%q) = %q, of %d code points", name, room, n)
		}
		if again, err := protocol.CanonicalRoom(room, protocol.MaxRoomName); err != nil || again != room {
			t.Fatalf("CanonicalRoom(%q) = %q, %v", room, again, err)
		}
	})
}
