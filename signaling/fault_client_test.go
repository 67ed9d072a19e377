package signaling_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// serverFrame is any frame from a server. The test reads them by itself, so
// that a fault of the protocol package cannot hide one of the server.
type serverFrame struct {
	Type, Room, Peer, Name, From, Resume, Code, Reason string
	ID, Seq                                            uint64
	Resumed, Polite                                    bool
	Capacity                                           int
	Peers                                              []struct {
		Peer, Name   string
		Away, Polite bool
	}
	To          []string
	Failed      []struct{ Peer, Code string }
	Undelivered []uint64
	Data        json.RawMessage
}

// faultClient is a person with a browser: it joins, breaks, comes back. Its
// rules are those that the protocol has for clients. All of it is guarded by
// its history's lock.
type faultClient struct {
	h    *history
	name string

	who  *identity // nil = never joined
	line *line     // the newest connection; nil = never had one
	old  []*line   // given up by the client, maybe not by the server

	identities   int
	nonces       int
	confirmEvery int // events; 0 = never
	tries        int // to come back at the end
	fuse         func(*faultyConn)
	lastFrom     map[*faultClient]int // uid of the newest message from each
}

// joinKind says how a client asks for a seat.
type joinKind int

const (
	joinPlain   joinKind = iota
	joinNonce            // the same join again
	joinResume           // with the seq that was seen
	joinLate             // with a seq long seen
	joinWrong            // with a seq that never was
	joinReplace          // as a reloaded page
)

func (k joinKind) String() string {
	return [...]string{"plain", "nonce", "resume", "late resume", "wrong resume", "replace"}[k]
}

// line is one connection of a client.
type line struct {
	h      *history
	client *faultClient
	n      int
	conn   *faultyConn
	wire   faultWire
	server *serverRun

	who           *identity
	life          *life // nil = not joined
	kind          joinKind
	joinID        uint64
	byToken       bool   // it showed a token
	joinSeq       uint64 // what the join said was seen
	claimed       uint64 // the highest seq that the server was told of on l
	joinText      []byte
	asked         bool // the join was sent
	answered      bool
	before        *life         // what the client was before the join
	resumed       bool          // the answer was resumed:true
	heard         time.Duration // how long before the join the server had last heard of it
	step          int           // that the join was asked for in
	claimedBefore uint64        // life.claimed then
	wasSure       bool          // what the client knows of its seat was so before the join

	next        uint64 // the seq of the next event
	sends       map[uint64]int
	replies     map[uint64]int
	unasked     int // requests without id, which have an answer only when they fail
	garbage     int // bad frames that have no answer yet
	garbageSent int

	ordered bool // replies and events come in the order in which they were made
	open    bool
	damaged bool // its end, or its silence, is no wonder
	events  bool // it is no WebSocket, but a stream of events and posts
	stuck   bool // it was paused, or may have become a hole
	given   bool // the client uses another one
	over    bool
	code    int
}

func (l *line) String() string { return fmt.Sprintf("%s/%d", l.client.name, l.n) }

// good tells whether everything sent on l arrives, both ways, by and by.
func (l *line) good() bool { return l != nil && l.open && !l.over && !l.damaged && !l.given }

// alive tells whether l is good, or about to be.
func (l *line) alive() bool { return l != nil && !l.over && !l.damaged && !l.given }

// seated tells whether the client knows that l carries its seat.
func (l *line) seated() bool {
	return l != nil && !l.over && !l.given && l.life != nil && l.life.ended == ""
}

// comeBack asks for a seat in the way that fits what the client knows, or in
// the way that was asked for, when that is possible.
func (c *faultClient) comeBack(kind joinKind, r *rand.Rand) {
	who := c.who
	switch {
	case who == nil || who.gone != "":
		kind = joinPlain
	case who.token == "":
		if kind != joinPlain {
			kind = joinNonce
		}
	case kind == joinNonce && who.nonce != who.seatNonce && who.replacing == "":
		kind = joinReplace
	}
	switch {
	case kind == joinPlain || kind == joinNonce:
	case who.replacing != "":
		kind = joinReplace // a reloaded page has nothing but the old token
	case who.repeating:
		kind = joinNonce // and who repeats a join has only that
	}
	if kind == joinPlain {
		if who != nil {
			who.end("abandoned")
		}
		c.identities++
		who = c.h.newIdentity(c, fmt.Sprintf("%s.%d", c.name, c.identities))
		c.who = who
	}
	// Over HTTP an event may overtake the reply to the join that it follows.
	reuse := c.line != nil && c.line.open && !c.line.over && !c.line.given && c.line.life == nil && !c.line.events &&
		c.line.answered && kind == joinPlain && r.IntN(2) == 0
	if !reuse {
		c.giveUp(r.IntN(3) > 0)
		c.line = c.h.newLine(c)
	}
	c.line.ask(who, kind, r)
	if reuse {
		c.line.sendJoin()
	} else {
		c.h.run(c.line)
	}
}

// giveUp makes the client look for a new connection. When the old one is not
// cut the server may think that it is still in use.
func (c *faultClient) giveUp(cut bool) {
	l := c.line
	if l == nil {
		return
	}
	l.given = true
	c.old = append(c.old, l)
	if cut {
		l.damaged = true
		l.wire.cut()
	}
	c.line = nil
}

// ask prepares the join of l.
func (l *line) ask(who *identity, kind joinKind, r *rand.Rand) {
	l.who, l.kind, l.answered, l.asked = who, kind, false, false
	l.wasSure, who.unsure = !who.unsure, true
	l.before, l.resumed, l.step = who.life, false, l.h.step
	if l.before != nil {
		l.claimedBefore = l.before.claimed
	}
	l.joinID = 1 + r.Uint64N(1000)
	l.heard = time.Since(who.lastSign())
	who.lines = append(who.lines, l)
	join := map[string]any{"type": "join", "id": l.joinID, "room": who.room, "name": who.name}
	switch kind {
	case joinPlain:
		l.client.newNonce(who)
		join["nonce"] = who.nonce
	case joinNonce:
		who.repeating = true
		join["nonce"] = who.nonce
		if who.replacing != "" { // the lost join was a replace
			join["replace"] = who.replacing
		}
	case joinResume, joinLate, joinWrong:
		l.joinSeq = who.life.seqToClaim(kind, r)
		l.claimed = l.joinSeq
		who.life.claimed = max(who.life.claimed, l.joinSeq)
		join["resume"], join["seq"] = who.token, l.joinSeq
		if who.nonce == who.seatNonce {
			join["nonce"] = who.nonce
		}
	case joinReplace:
		who.replaced = true
		who.replacing = who.token
		l.client.newNonce(who)
		join["replace"], join["nonce"] = who.token, who.nonce
	}
	l.byToken = join["resume"] != nil || join["replace"] != nil
	l.joinText, _ = json.Marshal(join) // it holds nothing that cannot be written
}

func (c *faultClient) newNonce(who *identity) {
	c.nonces++
	who.nonce = fmt.Sprintf("nonce-%s-%d-%d", c.name, c.nonces, c.h.seed)
}

// opened is called when the connection stands.
func (l *line) opened() {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.open = true
	if !l.given {
		l.sendJoin()
	}
}

func (l *line) sendJoin() {
	l.asked = true
	l.send(l.joinText)
}

func (l *line) send(text []byte) {
	l.h.note(l, ">", text)
	l.wire.send(text)
}

// request makes a request of the client's peer, and sends it when there is a
// connection; else it waits for one.
func (c *faultClient) request(kind string, withID bool, fields string) *request {
	l := c.who.life
	q := &request{kind: kind, life: l}
	var text strings.Builder
	text.WriteString(`{"type":"` + kind + `"`)
	if withID {
		l.lastID++
		q.id = l.lastID
		l.requests[q.id] = q
		l.outbox = append(l.outbox, q)
		fmt.Fprintf(&text, `,"id":%d`, q.id)
	}
	text.WriteString(fields + "}")
	q.text = []byte(text.String())
	return q
}

// submit sends q now, if that can be.
func (c *faultClient) submit(q *request) {
	if c.line.seated() && c.line.life == q.life {
		c.line.sendRequest(q)
	}
}

func (l *line) sendRequest(q *request) {
	q.sent++
	if q.message != nil && q.message.sentAt < 0 {
		q.message.sentAt = len(l.h.log)
	}
	if q.id != 0 {
		l.sends[q.id]++
	} else {
		l.unasked++
	}
	l.send(q.text)
}

// message sends one to a peer, or to all when to is empty.
func (c *faultClient) message(to string, withID bool, size int) *message {
	h := c.h
	m := &message{uid: len(h.messages), life: c.who.life, to: to, sentAt: -1, got: make(map[string]int)}
	h.messages = append(h.messages, m)
	fields := fmt.Sprintf(`,"data":{"uid":%d,"pad":"%s"}`, m.uid, strings.Repeat("x", size))
	if to != "" {
		fields = `,"to":"` + to + `"` + fields
	}
	m.request = c.request("message", withID, fields)
	m.request.message = m
	c.submit(m.request)
	return m
}

// confirm tells the server what was seen.
func (c *faultClient) confirm() {
	l := c.who.life
	if !c.line.seated() || l.seq() == 0 {
		return
	}
	l.unconfirmed = 0
	l.claimed = max(l.claimed, l.seq())
	c.line.claimed = max(c.line.claimed, l.seq())
	c.line.send(fmt.Appendf(nil, `{"type":"seen","seq":%d}`, l.seq()))
}

// frame takes what came on l.
func (l *line) frame(text []byte) {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.h.note(l, "<", text)
	var f serverFrame
	if err := json.Unmarshal(text, &f); err != nil {
		l.h.fault("%s: the server sent what is no frame: %v", l, err)
		return
	}
	switch {
	case l.given: // the client listens to another one
	case f.Type == "joined":
		l.gotJoined(&f)
	case f.Type == "full", f.Type == "error" && f.ID == l.joinID && !l.answered && l.asked:
		l.gotRefused(&f)
	case f.Type == "closing":
	case f.Seq != 0:
		l.gotEvent(&f, text)
	case f.ID != 0:
		l.gotReply(&f, text)
	case f.Type == "error" && l.unasked > 0 && slices.Contains([]string{"alone", "no_such_peer", "queue_full", "closing"}, f.Code):
		l.unasked--
	case f.Type == "error" && f.Code == "bad_frame" && l.garbage > 0:
		l.garbage--
	default:
		l.h.fault("%s: what is this: %s", l, text)
	}
}

// ended is called when the connection has ended.
func (l *line) ended(code int) {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.over, l.code = true, code
	l.h.note(l, "ended", fmt.Appendf(nil, "code %d", code))
	if code == 4002 && l.h.overflows() {
		l.damaged = true
	}
	if l.server.stopping && code == 1001 && !l.damaged && l.life != nil && l.life.ended == "" && l.client.line == l {
		l.life.drained = true
	}
	if l.server.stopping || l.damaged && code == 0 {
		return
	}
	who := l.who
	switch {
	case code == 1008 && who != nil && who.kicked:
		who.end("kicked")
	case code == 4001 && l.given:
	case code == 1008 && l.life == nil: // no join in time
	case code == 1000 && (l.life == nil || l.life.ended != "" || l.life.who.leaving):
	case l.damaged && (code == 4002 || code == 1001): // it was slow, or silent
	default:
		l.h.fault("%s ended with code %d, for no reason", l, code)
	}
}
