//go:build linux

package main

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"callbox/bench/signaling/epoll"
	"callbox/signaling/protocol"
)

func TestPayload(t *testing.T) {
	for _, size := range []int{100, 1200, 1201, 1 << 20} {
		data := payload(size)
		if len(data) != size || !json.Valid(data) {
			t.Errorf("of %d bytes there are %d, JSON: %v", size, len(data), json.Valid(data))
		}
	}
}

func TestPercentile(t *testing.T) {
	series := []time.Duration{5, 1, 4, 2, 3}
	for p, want := range map[int]time.Duration{0: 1, 50: 3, 99: 5, 100: 5} {
		if got := percentile(series, p); got != want {
			t.Errorf("percentile %d of 1 to 5 is %d, want %d", p, got, want)
		}
	}
	if got := percentile(nil, 99); got != 0 {
		t.Errorf("the percentile of an empty series is %d", got)
	}
}

func TestCPU(t *testing.T) {
	me := cpu(os.Getpid())
	before, err := me.used()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if now, err := me.used(); err != nil || now > before {
			return
		}
	}
	t.Errorf("half a minute of work used no CPU time")
}

// TestDialects parses the frames of all protocols.
func TestDialects(t *testing.T) {
	type frame struct {
		text string
		want event
	}
	encode := func(f protocol.Frame) string { return string(protocol.Encode(f)) }
	long := string(payload(100))
	for name, frames := range map[string][]frame{
		"callbox": {
			{encode(protocol.Joined{ID: 1, Room: "r", Peer: "p1", Peers: []protocol.Peer{{Peer: "p2"}}}), evJoined},
			{encode(protocol.Full{ID: 1, Room: "r"}), evRefused},
			{encode(protocol.MessageEvent{Seq: 1, From: "p2", Data: json.RawMessage(long)}), evDelivered},
			{encode(protocol.Ack{ID: 2, To: []string{"p2"}}), evAcked},
			{encode(protocol.Error{ID: 3, Code: protocol.CodeQueueFull}), evFull},
			{encode(protocol.Error{ID: 3, Code: protocol.CodeRateLimited}), evLimited},
			{encode(protocol.Error{ID: 3, Code: protocol.CodeUnauthorized}), evRefused},
			{encode(protocol.Closing{}), evNone},
			{encode(protocol.Left{ID: 4}), evLeft},
		},
		"ws": {
			{`{"type":"joined","id":1,"peer":"a","peers":[]}`, evJoined},
			{`{"type":"full","id":1}`, evRefused},
			{`{"type":"other_joined","peer":"b"}`, evNone},
			{`{"type":"message","from":"b","data":` + long + `}`, evDelivered},
			{`{"type":"ack","id":2}`, evAcked},
			{`{"type":"left","id":3}`, evLeft},
			{`[]`, evNone},
		},
		"socketio": {
			{`0{"sid":"x","upgrades":[],"pingInterval":25000}`, evNone},
			{`40{"sid":"y"}`, evNone},
			{`430[{"full":true}]`, evRefused},
			{`430[{"peer":"y","peers":[]}]`, evJoined},
			{`42["other_joined",{"peer":"z"}]`, evNone},
			{`42["message",{"from":"z","data":` + long + `}]`, evDelivered},
			{`2`, evNone},
			{`431[{}]`, evAcked},
		},
		"floor": {{"joined", evJoined}, {long, evDelivered}, {"ack", evAcked}, {"left", evLeft}},
	} {
		d, err := newDialect(name, "127.0.0.1:1", []byte(long))
		if err != nil {
			t.Fatal(err)
		}
		c := &conn{loop: &loop{dialect: d}, room: "r"}
		for _, f := range frames {
			if got := d.receive(c, []byte(f.text)); got != f.want {
				t.Errorf("%s: %s is event %d, want %d", name, f.text, got, f.want)
			}
		}
	}
	if _, err := newDialect("morse", "", nil); err == nil {
		t.Error("an unknown dialect is accepted")
	}
}

// TestConfirm checks that events are confirmed every seenEvery events.
func TestConfirm(t *testing.T) {
	d, err := newDialect("callbox", "127.0.0.1:1", payload(100))
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{loop: &loop{dialect: d}}
	for seq := range uint64(seenEvery) {
		if len(c.out) > 0 {
			t.Fatalf("confirmed after %d events", seq)
		}
		d.receive(c, protocol.Encode(protocol.MessageEvent{Seq: seq + 1, From: "p", Data: json.RawMessage(`{"x":"\"seq\":7"}`)}))
	}
	h, ok := epoll.ParseHeader(c.out)
	if !ok {
		t.Fatalf("there is no confirmation after %d events", seenEvery)
	}
	text := c.out[h.Size:]
	epoll.Unmask(text, h.Mask)
	if got := string(text); got != `{"type":"seen","seq":32}` {
		t.Errorf("confirmed with %s", got)
	}
}

// TestRequests decodes the generator's requests to callbox with callbox's decoder.
func TestRequests(t *testing.T) {
	d, err := newDialect("callbox", "127.0.0.1:1", payload(1200))
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{loop: &loop{dialect: d}, room: "r"}
	d.opened(c)
	c.resume, c.seq = "token", 7
	d.opened(c)
	c.to = "p2"
	d.message(c)
	d.leave(c)
	for _, want := range []protocol.Request{
		protocol.Join{ID: 1, Room: "r"},
		protocol.Join{ID: 1, Room: "r", Resume: "token", Seq: 7},
		protocol.Message{ID: 2, To: "p2", Data: payload(1200)},
		protocol.Leave{ID: 3},
	} {
		h, ok := epoll.ParseHeader(c.out)
		if !ok {
			t.Fatalf("there is no frame for %T", want)
		}
		text := c.out[h.Size : h.Size+h.Length]
		epoll.Unmask(text, h.Mask)
		if got, err := protocol.DecodeRequest(text); err != nil || string(protocol.Encode(got)) != string(protocol.Encode(want)) {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
		c.out = c.out[h.Size+h.Length:]
	}
}

func TestOptions(t *testing.T) {
	for _, args := range [][]string{
		{"-url", "http://localhost:1"},
		{"-url", "http://127.0.0.1:1", "-dialect", "morse"},
		{"-url", "http://127.0.0.1:1", "-row", "nothing"},
		{"-url", "http://127.0.0.1:1", "-attack", "words"},
		{"more"},
	} {
		if err := run(args, os.Stdout); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
