package signaling

import (
	"slices"
	"strings"
	"testing"

	"callbox/signaling/protocol"
)

func TestEventsBoundsAndPromises(t *testing.T) {
	a, b := new(session), new(session)
	var e events
	for i, from := range []*session{a, b, a, nil} {
		k := storedEvent{payload: make([]byte, 10), peer: from, id: uint64(10 + i), kind: kindMessage}
		if from == nil {
			k = storedEvent{payload: make([]byte, 99), peer: a, kind: kindMembership}
		}
		e.add(k)
	}
	if e.messages != 3 || e.messageBytes != 30 || e.serverEvents != 1 {
		t.Errorf("events = %+v", e)
	}
	if got := e.undelivered(a); !slices.Equal(got, []uint64{10, 12}) {
		t.Errorf("undelivered = %v, want [10 12]", got)
	}
	e.dropOldest()
	if got := e.undelivered(a); !slices.Equal(got, []uint64{12}) {
		t.Errorf("undelivered = %v after the first is confirmed", got)
	}
	e.clearIDs(a)
	e.dropPayloads()
	if e.undelivered(a) != nil || !slices.Equal(e.undelivered(b), []uint64{11}) {
		t.Error("the promises to a peer that began anew were kept, or another's were not")
	}
	for range 3 {
		e.dropOldest()
	}
	e.trim()
	if e.count() != 0 || e.messages != 0 || e.serverEvents != 0 || e.list != nil {
		t.Errorf("the empty events are %+v", e)
	}
	for range 1000 { // what is confirmed at once does not make it grow
		e.add(storedEvent{kind: kindMembership})
		e.add(storedEvent{kind: kindMembership})
		e.dropOldest()
		e.dropOldest()
	}
	if cap(e.list) > 8 {
		t.Errorf("%d places for 2 events", cap(e.list))
	}
}

// seated returns a session whose peer is away and has confirmed all, and
// another one in its room.
func seated(t *testing.T, limits Limits) (reader, other *session) {
	t.Helper()
	s, err := New(Config{Limits: limits, Grace: ResumeLife / 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	sh := s.rooms.shard("a")
	reader, other = &session{shard: sh, peer: "reader"}, &session{shard: sh, peer: "other"}
	for _, each := range []*session{reader, other} {
		sh.insertIntoRoom(each, "a")
	}
	return reader, other
}

func (s *session) hear(k eventKind, about *session, f protocol.Frame) {
	s.announce(k, about, new(effects), func(seq uint64) protocol.Frame {
		switch f := f.(type) {
		case protocol.Away:
			f.Seq = seq
			return f
		case protocol.Back:
			f.Seq = seq
			return f
		}
		return f
	})
}

func kindsOf(s *session) (text string) {
	for i := range s.events.count() {
		text += [...]string{kindMembership: "o", kindMessage: "m", kindAway: "a", kindBack: "b", kindReset: "r"}[s.events.at(i).kind]
	}
	return text
}

func TestAwayAndBackFold(t *testing.T) {
	for said, want := range map[string]string{
		"a":        "a",
		"ab":       "b",
		"aba":      "a",
		"abababab": "b",
		"ar":       "r",
		"ra":       "ra", // that something was lost must not be lost
		"rab":      "rb",
		"rar":      "rr",
		"rb":       "r",
		"am":       "am",
		"amb":      "amb", // a message from it stands between
		"aM":       "aM",
		"aMb":      "bM", // one from somebody else does not matter
		"oab":      "ob",
		"aob":      "aob",
		"a|b":      "a|b", // the first was sent
		"ab|ab":    "b|b",
	} {
		t.Run(said, func(t *testing.T) {
			reader, other := seated(t, Limits{})
			third := &session{shard: reader.shard, peer: "third"}
			reader.shard.insertIntoRoom(third, "a")
			for _, c := range said {
				switch c {
				case 'a':
					reader.hear(kindAway, other, protocol.Away{Peer: "other"})
				case 'b':
					reader.hear(kindBack, other, protocol.Back{Peer: "other", Resumed: true})
				case 'r':
					reader.hear(kindReset, other, protocol.Back{Peer: "other"})
				case 'o':
					reader.hear(kindMembership, other, protocol.Closing{})
				case 'm':
					reader.enqueueMessage(other, protocol.Message{}, new(effects))
				case 'M':
					reader.enqueueMessage(third, protocol.Message{}, new(effects))
				case '|':
					reader.sentSeq = reader.seq
				}
			}
			want := strings.NewReplacer("M", "m", "|", "").Replace(want)
			if got := kindsOf(reader); got != want {
				t.Errorf("kept is %q, want %q", got, want)
			}
			if int(reader.seq) != reader.events.count() {
				t.Errorf("%d events with seq %d", reader.events.count(), reader.seq)
			}
			for i := range reader.events.count() {
				f, err := protocol.DecodeServerFrame(reader.events.at(i).payload)
				if e, ok := f.(protocol.Event); err != nil || ok && e.EventSeq() != 0 && e.EventSeq() != uint64(i+1) {
					t.Errorf("event %d is %#v, %v", i+1, f, err)
				}
			}
		})
	}
}

func TestTooManyEventsOfTheServer(t *testing.T) {
	reader, other := seated(t, Limits{QueueEvents: 3, QueueBytes: 1000})
	send := func(id uint64, size int) bool {
		return reader.enqueueMessage(other, protocol.Message{ID: id, Data: make([]byte, size)}, new(effects))
	}
	if !send(1, 100) || send(2, 2000) || !send(3, 100) || !send(4, 100) || send(5, 1) {
		t.Error("want three messages of 100 bytes, and none of 2000")
	}
	for range maxServerEvents {
		if reader.replayLost {
			t.Fatal("lost too early")
		}
		reader.hear(kindMembership, other, protocol.Closing{})
	}
	reader.hear(kindMembership, other, protocol.Closing{})
	if !reader.replayLost || send(6, 1) {
		t.Error("want it lost, and no more messages")
	}
	for i := range reader.events.count() {
		if reader.events.at(i).payload != nil {
			t.Fatal("payloads are kept though nobody will ask for them")
		}
	}
	// The sender is told by bye all the same.
	if got := reader.events.undelivered(other); !slices.Equal(got, []uint64{1, 3, 4}) {
		t.Errorf("undelivered = %v, want [1 3 4]", got)
	}
	if reader.shard.server.Snapshot().Lost != 1 {
		t.Error("not counted")
	}
}

// TestManyComeAtOnce has more peers join than there are slots for such events.
func TestManyComeAtOnce(t *testing.T) {
	reader, other := seated(t, Limits{QueueEvents: 100})
	for range 100 + maxServerEvents {
		reader.hear(kindMembership, other, protocol.Closing{})
	}
	if reader.replayLost {
		t.Error("lost, though there was place")
	}
	if !reader.enqueueMessage(other, protocol.Message{}, new(effects)) {
		t.Error("no place for a message")
	}
}

func TestGoneSeatsAreBounded(t *testing.T) {
	var g tombstones
	g.add("a", 1, protocol.ReasonReplaced, "b", 10)
	if reason, by := g.lookup("a"); reason != protocol.ReasonReplaced || by != "b" {
		t.Errorf("found %q, %q", reason, by)
	}
	g.add("b", 2, protocol.ReasonLeft, "", 20)
	g.prune(10)
	if reason, _ := g.lookup("a"); reason != "" {
		t.Error("not forgotten")
	}
	if reason, by := g.lookup("b"); reason != protocol.ReasonLeft || by != "" {
		t.Errorf("found %q, %q", reason, by)
	}
	for range maxTombstones + 10 {
		g.add(newPeerID(), 3, protocol.ReasonLeft, "", 30)
	}
	if len(g.seats) != maxTombstones || len(g.order) != maxTombstones {
		t.Errorf("%d seats are kept, want %d", len(g.seats), maxTombstones)
	}
	if !g.mayHaveEvicted(3) || g.mayHaveEvicted(4) {
		t.Error("what was forgotten is not refused, or more than that")
	}
	g.prune(30)
	if g.mayHaveEvicted(3) {
		t.Error("what has expired is refused for ever")
	}
	if g.seats != nil || g.order != nil {
		t.Error("memory is kept for nothing")
	}
}
