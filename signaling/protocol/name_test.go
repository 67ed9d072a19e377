package protocol_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"callbox/signaling/protocol"
)

func TestCanonicalRoom(t *testing.T) {
	long := strings.Repeat("é", protocol.MaxRoomName)
	for name, want := range map[string]string{
		"a":          "a",
		"A-b_c.9":    "A-b_c.9",
		"茶室":         "茶室",
		"कमरा":       "कमरा",
		"٣":          "٣",
		"cafe\u0301": "caf\u00e9",
		long:         long,
		strings.Repeat("e\u0301", protocol.MaxRoomName): long,
	} {
		if got, err := protocol.CanonicalRoom(name, protocol.MaxRoomName); got != want || err != nil {
			t.Errorf("CanonicalRoom(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{
		"", " ", "a b", "a/b", "a+b", "½", "😀", "\u0000", "a\u200db", "\xff", "\ufffd",
		long + "a", strings.Repeat("a", 1000000), strings.Repeat("\u0958", 40), // becomes 80 code points
	} {
		got, err := protocol.CanonicalRoom(name, protocol.MaxRoomName)
		if fault, ok := errors.AsType[protocol.Error](err); !ok || fault.Code != protocol.CodeBadRequest || got != "" {
			t.Errorf("CanonicalRoom(%.80q) = %.80q, %v, want bad_request", name, got, err)
		}
	}
	if _, err := protocol.CanonicalRoom(strings.Repeat("a", 1000), 0); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}

// TestHardTexts gives the texts that are hard to read to the check that the
// fuzzer makes.
func TestHardTexts(t *testing.T) {
	for _, text := range hardTexts() {
		checkRequest(t, []byte(text))
	}
}

func TestDataIsLeftAlone(t *testing.T) {
	for _, data := range []string{
		`{"a": 1, "a": 2}`, `"\u003c<\/"`, `1.50e+01`, "[ 1 ,\n2 ]", `null`, `"\ud800"`, `"` + "\u2028" + `"`,
	} {
		f, err := protocol.DecodeRequest([]byte(`{"data":` + data + `,"type":"message"}`))
		if err != nil {
			t.Errorf("%s: %v", data, err)
			continue
		}
		m := f.(protocol.Message)
		event := string(protocol.Encode(protocol.MessageEvent{Seq: 1, From: "p", Data: m.Data}))
		if want := `{"type":"message","seq":1,"from":"p","data":` + data + `}`; event != want {
			t.Errorf("the event is %s, want %s", event, want)
		}
	}
}

func TestStringsSurvive(t *testing.T) {
	for _, name := range []string{"", "a", `"\/`, "\n\r\t\b\f\x00\x1f\x7f", "<b>&", "\u2028\u2029", "茶😀", "é"} {
		text := protocol.Encode(protocol.Join{Room: name, Name: name})
		var read struct{ Room, Name string }
		if err := json.Unmarshal(text, &read); err != nil || read.Room != name || read.Name != name {
			t.Errorf("%q is written as %s and read as %q, %v", name, text, read.Name, err)
		}
		f, err := protocol.DecodeRequest(text)
		if join, ok := f.(protocol.Join); !ok || join.Room != name || join.Name != name {
			t.Errorf("%q is written as %s and decoded as %+v, %v", name, text, f, err)
		}
	}
	if got := string(protocol.Encode(protocol.Join{Room: "\xff\u2028"})); got != `{"type":"join","room":"\ufffd\u2028"}` {
		t.Errorf("invalid UTF-8 and a line separator give %s", got)
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]protocol.Seconds{
		0: 0, 15 * time.Second: 15, 500 * time.Millisecond: 0.5, 10 * time.Minute: 600, 1234567 * time.Microsecond: 1.234,
	} {
		if got := protocol.SecondsOf(d); got != want {
			t.Errorf("SecondsOf(%v) = %v, want %v", d, got, want)
		}
	}
	if d := protocol.Seconds(0.5).Duration(); d != 500*time.Millisecond {
		t.Errorf("Duration = %v", d)
	}
}

func TestCallDataIsOneThing(t *testing.T) {
	for _, data := range []protocol.CallData{
		{Call: 1},
		{Call: 1, Renegotiate: true, EndOfCandidates: true},
		{Call: 1, Description: &protocol.Description{}, Candidate: &protocol.Candidate{}},
	} {
		if text, err := json.Marshal(data); err == nil {
			t.Errorf("Marshal(%+v) = %s, want an error", data, text)
		}
	}
	for _, text := range []string{
		`{}`, `{"call":1}`, `{"call":1,"renegotiate":false}`, `{"call":"1","renegotiate":true}`,
		`{"call":1,"candidate":null,"renegotiate":true}`, `{"call":1,"candidate":5}`,
	} {
		kept := protocol.CallData{Call: 7}
		if err := json.Unmarshal([]byte(text), &kept); err == nil || kept.Call != 7 {
			t.Errorf("Unmarshal(%s) = %+v, %v, want an error and nothing changed", text, kept, err)
		}
	}
}

// What other programs may put into optional fields of callbox does not spoil a message.
func TestOptionalCallData(t *testing.T) {
	for value, want := range map[string]uint64{
		`1`: 1, `7`: 7, `0`: 0, `-1`: 0, `1.5`: 0, `"1"`: 0, `true`: 0, `null`: 0, `{}`: 0, `9007199254740991`: protocol.MaxID, `9007199254740992`: 0,
	} {
		var data protocol.CallData
		err := json.Unmarshal([]byte(`{"call":1,"description":{"type":"offer","sdp":""},"ctl":`+value+`,"n":`+value+`}`), &data)
		if err != nil || data.Ctl != (want == 1) || data.N != want {
			t.Errorf("%s: ctl %v, n %d, %v", value, data.Ctl, data.N, err)
		}
	}
}

func TestErrorText(t *testing.T) {
	fault := protocol.Error{ID: 1, Code: protocol.CodeAlone, Message: "nobody else is in the room"}
	if fault.Error() != "alone: nobody else is in the room" || (protocol.Error{Code: "x"}).Error() != "x" {
		t.Errorf("Error() = %q", fault.Error())
	}
	var ids []uint64
	for _, f := range []protocol.Reply{fault, protocol.Pong{ID: 2}, protocol.Ack{ID: 3}} {
		ids = append(ids, f.ReplyID())
	}
	if !slices.Equal(ids, []uint64{1, 2, 3}) {
		t.Errorf("reply ids = %v", ids)
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	// How much of a message's way is reading it: an offer of usual size.
	frame := protocol.Encode(protocol.Message{
		ID: 1, To: "pAnn7Q2M4XK5T6ZB3LWE",
		Data: json.RawMessage(`{"call":1,"description":{"type":"offer","sdp":"` + strings.Repeat(`a=candidate:1 1 udp\r\n`, 60) + `"}}`),
	})
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := protocol.DecodeRequest(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func TestCheckNonce(t *testing.T) {
	for nonce, want := range map[string]bool{
		"5f2c8e0b1d7a4e6693b0c4d1a8e7f205": true,
		"!~":                               true,
		strings.Repeat("x", 64):            true,
		strings.Repeat("x", 65):            false,
		"":                                 false,
		"a b":                              false,
		"a\n":                              false,
		"\x7f":                             false,
		"é":                                false,
	} {
		if err := protocol.CheckNonce(nonce); (err == nil) != want {
			t.Errorf("CheckNonce(%q) = %v, want it good: %v", nonce, err, want)
		}
	}
}
