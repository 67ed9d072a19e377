package ctl

import (
	"encoding/hex"
	"encoding/json"
	"reflect"
	"testing"
)

// safetySamples is testdata/safety.json, which the tests of the call page read, too.
type safetySamples struct {
	Codes     []codeSample     `json:"codes"`
	Exchanges []exchangeSample `json:"exchanges"`
}

type codeSample struct {
	Name         string   `json:"name"`
	Room         string   `json:"room"`
	Fingerprints [2]hex32 `json:"fingerprints"`
	Impolite     hex32    `json:"impolite_nonce"`
	Polite       hex32    `json:"polite_nonce"`
	Commitment   hex32    `json:"commitment"`
	Digest       hex32    `json:"digest"`
	Digits       string   `json:"digits"`
	Pictures     [4]int   `json:"pictures"`
}

// exchangeSample is what one end does. Each step is a new connection or a message
// that is received, and what is then sent and known.
type exchangeSample struct {
	Name   string `json:"name"`
	Room   string `json:"room"`
	Polite bool   `json:"polite"`
	Own    hex32  `json:"own_fingerprint"`
	Other  hex32  `json:"other_fingerprint"`
	Nonce  hex32  `json:"own_nonce"`
	Steps  []step `json:"steps"`
}

type step struct {
	Receive json.RawMessage `json:"receive"` // null = a new connection
	Send    json.RawMessage `json:"send"`    // null = nothing
	Digits  *string         `json:"digits"`  // null = no code
	Warning bool            `json:"warning"`
}

// hex32 is 32 bytes in hex.
type hex32 [32]byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hex32) UnmarshalText(text []byte) error {
	_, err := hex.Decode(h[:], text)
	return err
}

func TestCodes(t *testing.T) {
	t.Parallel()
	var samples safetySamples
	readJSON(t, "safety.json", &samples)
	for _, s := range samples.Codes {
		a, b := Fingerprint(s.Fingerprints[0]), Fingerprint(s.Fingerprints[1])
		d := digest(s.Room, a, b, Value(s.Impolite), Value(s.Polite))
		c := codeOf(d, 256)
		if hex32(commitment(Value(s.Impolite))) != s.Commitment || hex32(d) != s.Digest || c.Digits != s.Digits || c.Pictures != s.Pictures {
			t.Errorf("%s: commitment %x, digest %x, %+v", s.Name, commitment(Value(s.Impolite)), d, c)
		}
	}
}

func TestExchanges(t *testing.T) {
	t.Parallel()
	var samples safetySamples
	readJSON(t, "safety.json", &samples)
	for i := range samples.Exchanges {
		s := &samples.Exchanges[i]
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			e := newExchange(256, Value(s.Nonce), s.Room, s.Polite, Fingerprint(s.Own), Fingerprint(s.Other))
			for j := range s.Steps {
				got := e.step(t, s.Steps[j].Receive)
				if !sameStep(t, got, s.Steps[j]) {
					t.Errorf("step %d: sent %s, warning %v, digits %v; want %s", j, got.Send, got.Warning, got.Digits, s.Steps[j].Send)
				}
			}
		})
	}
}

// step makes a new connection, or receives a message.
func (e *Exchange) step(t *testing.T, receive json.RawMessage) step {
	t.Helper()
	var sent Message
	if string(receive) == "null" {
		sent = e.Start()
	} else if m, err := Decode(receive); err != nil {
		_ = e.Reject(err)
	} else {
		sent, _ = e.Receive(m)
	}
	got := step{Receive: receive, Send: json.RawMessage("null"), Warning: e.err != nil}
	if sent != nil {
		text, err := Encode(sent)
		if err != nil {
			t.Fatal(err)
		}
		got.Send = text
	}
	if c, ok := e.Code(); ok {
		got.Digits = &c.Digits
	}
	return got
}

func sameStep(t *testing.T, a, b step) bool {
	t.Helper()
	return a.Warning == b.Warning && reflect.DeepEqual(a.Digits, b.Digits) && reflect.DeepEqual(asValue(t, a.Send), asValue(t, b.Send))
}

// With fewer bits of the digest, codes can be guessed, and the ends still agree.
func TestShortCodes(t *testing.T) {
	t.Parallel()
	codes := map[Code]bool{}
	for i := range 2000 {
		var a, b Fingerprint
		var na, nb Value
		a[0], b[0], na[0], na[1] = 1, 2, byte(i), byte(i>>8)
		impolite, polite := newExchange(8, na, "room", false, a, b), newExchange(8, nb, "room", true, b, a)
		from, to := impolite, polite
		for m := from.Start(); m != nil; from, to = to, from {
			m, _ = to.Receive(m)
		}
		here, _ := impolite.Code()
		there, ok := polite.Code()
		if here != there || !ok {
			t.Fatalf("%+v, %+v", here, there)
		}
		codes[here] = true
	}
	if len(codes) < 240 || len(codes) > 256 {
		t.Errorf("%d codes", len(codes))
	}
}
