package faultmodel

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// serverFrame is any frame from a server. The test decodes frames on its own, so
// that a fault of package protocol cannot hide one of the server.
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

// faultClient is a person with a browser: it joins, its connections break, it
// rejoins. It follows the rules that the protocol has for clients. All of it is
// guarded by its history's lock.
type faultClient struct {
	h    *history
	name string

	participant *participant  // nil = never joined
	conn        *clientConn   // the newest connection; nil = never had one
	oldConns    []*clientConn // abandoned by the client, maybe not by the server

	participants int
	nonces       int
	confirmEvery int                  // events; 0 = never
	tries        int                  // to rejoin at the end
	nextFuse     func(*faultyConn)    // arms the next connection
	lastFrom     map[*faultClient]int // uid of the newest message from each
}

// joinKind is how a client asks for a seat.
type joinKind int

const (
	joinPlain     joinKind = iota
	joinNonce              // the same join again
	joinResume             // with the seq that was seen
	joinOldSeq             // resume with a seq seen long ago
	joinFutureSeq          // resume with a seq that does not exist yet
	joinReplace            // as a reloaded page
)

func (k joinKind) String() string {
	return [...]string{"plain", "nonce", "resume", "resume with an old seq", "resume with a future seq", "replace"}[k]
}

// clientConn is one connection of a client.
type clientConn struct {
	h      *history
	client *faultClient
	n      int
	faulty *faultyConn
	wire   faultWire
	server *serverRun

	participant       *participant
	incarnation       *incarnation // nil = not joined
	kind              joinKind
	joinID            uint64
	byToken           bool   // the join had a token
	joinSeq           uint64 // the seq in the join
	maybeConfirmed    uint64 // the highest seq that the client has sent on this connection
	joinText          []byte
	joinSent          bool // the join was sent
	joinAnswered      bool
	previous          *incarnation  // the client's incarnation before the join
	resumed           bool          // the answer was resumed:true
	idleBefore        time.Duration // how long before the join the server last heard from the client
	step              int           // in which the join was sent
	previousConfirmed uint64        // incarnation.maybeConfirmed at that time
	noJoinPending     bool          // no join was unanswered when this one was sent, so the client knew the state of its seat

	next          uint64 // the seq of the next event
	sends         map[uint64]int
	replies       map[uint64]int
	sentWithoutID int // requests without id, which are answered only when they fail
	garbage       int // bad frames that are not answered yet
	garbageSent   int

	ordered   bool // replies and events arrive in the order in which they were made
	open      bool
	damaged   bool // it may end, or fall silent, at any time
	events    bool // a stream of events and POSTs instead of a WebSocket
	mayHang   bool // it was paused, or may have become a blackhole
	abandoned bool // the client uses another one
	ended     bool
	code      int
}

func (cc *clientConn) String() string { return fmt.Sprintf("%s/%d", cc.client.name, cc.n) }

// isIntact reports whether everything that is sent on cc arrives in the end, both
// ways.
func (cc *clientConn) isIntact() bool {
	return cc != nil && cc.open && !cc.ended && !cc.damaged && !cc.abandoned
}

// mayWork reports whether cc is intact, or being opened.
func (cc *clientConn) mayWork() bool { return cc != nil && !cc.ended && !cc.damaged && !cc.abandoned }

// isSeated reports whether the client knows that cc carries its seat.
func (cc *clientConn) isSeated() bool {
	return cc != nil && !cc.ended && !cc.abandoned && cc.incarnation != nil && cc.incarnation.ended == ""
}

// rejoin asks for a seat in the way kind, or, when that is impossible, in the
// way that fits what the client knows.
func (c *faultClient) rejoin(kind joinKind, r *rand.Rand) {
	who := c.participant
	switch {
	case who == nil || who.finalReason != "":
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
	case who.joinRepeated:
		kind = joinNonce // and who repeats a join has only that
	}
	if kind == joinPlain {
		if who != nil {
			who.markFinal("abandoned")
		}
		c.participants++
		who = c.h.newParticipant(c, fmt.Sprintf("%s.%d", c.name, c.participants))
		c.participant = who
	}
	// Over HTTP an event may overtake the reply to the join that it follows.
	reuse := c.conn != nil && c.conn.open && !c.conn.ended && !c.conn.abandoned && c.conn.incarnation == nil && !c.conn.events &&
		c.conn.joinAnswered && kind == joinPlain && r.IntN(2) == 0
	if !reuse {
		c.abandonConn(r.IntN(3) > 0)
		c.conn = c.h.newConn(c)
	}
	c.conn.prepareJoin(who, kind, r)
	if reuse {
		c.conn.sendJoin()
	} else {
		c.h.run(c.conn)
	}
}

// abandonConn makes the client use another connection next. Without cut, the
// server may believe that the old one is still in use.
func (c *faultClient) abandonConn(cut bool) {
	cc := c.conn
	if cc == nil {
		return
	}
	cc.abandoned = true
	c.oldConns = append(c.oldConns, cc)
	if cut {
		cc.damaged = true
		cc.wire.cut()
	}
	c.conn = nil
}

// prepareJoin prepares the join of cc.
func (cc *clientConn) prepareJoin(who *participant, kind joinKind, r *rand.Rand) {
	cc.participant, cc.kind, cc.joinAnswered, cc.joinSent = who, kind, false, false
	cc.noJoinPending, who.joinPending = !who.joinPending, true
	cc.previous, cc.resumed, cc.step = who.incarnation, false, cc.h.step
	if cc.previous != nil {
		cc.previousConfirmed = cc.previous.maybeConfirmed
	}
	cc.joinID = 1 + r.Uint64N(1000)
	cc.idleBefore = time.Since(who.lastSign())
	who.conns = append(who.conns, cc)
	join := map[string]any{"type": "join", "id": cc.joinID, "room": who.room, "name": who.name}
	switch kind {
	case joinPlain:
		cc.client.newNonce(who)
		join["nonce"] = who.nonce
	case joinNonce:
		who.joinRepeated = true
		join["nonce"] = who.nonce
		if who.replacing != "" { // the lost join was a replace
			join["replace"] = who.replacing
		}
	case joinResume, joinOldSeq, joinFutureSeq:
		cc.joinSeq = who.incarnation.seqForResume(kind, r)
		cc.maybeConfirmed = cc.joinSeq
		who.incarnation.maybeConfirmed = max(who.incarnation.maybeConfirmed, cc.joinSeq)
		join["resume"], join["seq"] = who.token, cc.joinSeq
		if who.nonce == who.seatNonce {
			join["nonce"] = who.nonce
		}
	case joinReplace:
		who.replaced = true
		who.replacing = who.token
		cc.client.newNonce(who)
		join["replace"], join["nonce"] = who.token, who.nonce
	}
	cc.byToken = join["resume"] != nil || join["replace"] != nil
	cc.joinText, _ = json.Marshal(join) // it holds nothing that cannot be written
}

func (c *faultClient) newNonce(who *participant) {
	c.nonces++
	who.nonce = fmt.Sprintf("nonce-%s-%d-%d", c.name, c.nonces, c.h.seed)
}

// onOpened is called when the connection is open.
func (cc *clientConn) onOpened() {
	cc.h.mu.Lock()
	defer cc.h.mu.Unlock()
	cc.open = true
	if !cc.abandoned {
		cc.sendJoin()
	}
}

func (cc *clientConn) sendJoin() {
	cc.joinSent = true
	cc.send(cc.joinText)
}

func (cc *clientConn) send(text []byte) {
	cc.h.note(cc, ">", text)
	cc.wire.send(text)
}

// request makes a request of the client's participant, which submit sends, or
// the next connection when there is none.
func (c *faultClient) request(kind string, withID bool, fields string) *request {
	l := c.participant.incarnation
	q := &request{kind: kind, incarnation: l}
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

// submit sends q now if there is a connection for it.
func (c *faultClient) submit(q *request) {
	if c.conn.isSeated() && c.conn.incarnation == q.incarnation {
		c.conn.sendRequest(q)
	}
}

func (cc *clientConn) sendRequest(q *request) {
	q.sent++
	if q.message != nil && q.message.sentAt < 0 {
		q.message.sentAt = len(cc.h.log)
	}
	if q.id != 0 {
		cc.sends[q.id]++
	} else {
		cc.sentWithoutID++
	}
	cc.send(q.text)
}

// message sends a message to a peer, or to all when to is empty.
func (c *faultClient) message(to string, withID bool, size int) *message {
	h := c.h
	m := &message{uid: len(h.messages), sender: c.participant.incarnation, to: to, sentAt: -1, got: make(map[string]int)}
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

// confirm confirms all events that the client has seen.
func (c *faultClient) confirm() {
	l := c.participant.incarnation
	if !c.conn.isSeated() || l.seq() == 0 {
		return
	}
	l.unconfirmed = 0
	l.maybeConfirmed = max(l.maybeConfirmed, l.seq())
	c.conn.maybeConfirmed = max(c.conn.maybeConfirmed, l.seq())
	c.conn.send(fmt.Appendf(nil, `{"type":"seen","seq":%d}`, l.seq()))
}

// onFrame checks and handles a frame that arrived on cc.
func (cc *clientConn) onFrame(text []byte) {
	cc.h.mu.Lock()
	defer cc.h.mu.Unlock()
	cc.h.note(cc, "<", text)
	var f serverFrame
	if err := json.Unmarshal(text, &f); err != nil {
		cc.h.fault("%s: the server sent what is no frame: %v", cc, err)
		return
	}
	switch {
	case cc.abandoned: // the client listens to another one
	case f.Type == "joined":
		cc.gotJoined(&f)
	case f.Type == "full", f.Type == "error" && f.ID == cc.joinID && !cc.joinAnswered && cc.joinSent:
		cc.gotRefused(&f)
	case f.Type == "closing":
	case f.Seq != 0:
		cc.gotEvent(&f, text)
	case f.ID != 0:
		cc.gotReply(&f, text)
	case f.Type == "error" && cc.sentWithoutID > 0 && slices.Contains([]string{"alone", "no_such_peer", "queue_full", "closing"}, f.Code):
		cc.sentWithoutID--
	case f.Type == "error" && f.Code == "bad_frame" && cc.garbage > 0:
		cc.garbage--
	default:
		cc.h.fault("%s: what is this: %s", cc, text)
	}
}

// onEnded is called when the connection has ended.
func (cc *clientConn) onEnded(code int) {
	cc.h.mu.Lock()
	defer cc.h.mu.Unlock()
	cc.ended, cc.code = true, code
	cc.h.note(cc, "ended", fmt.Appendf(nil, "code %d", code))
	if code == 4002 && cc.h.overflows() {
		cc.damaged = true
	}
	if cc.server.stopping && code == 1001 && !cc.damaged && cc.incarnation != nil && cc.incarnation.ended == "" && cc.client.conn == cc {
		cc.incarnation.closedOrderly = true
	}
	if cc.server.stopping || cc.damaged && code == 0 {
		return
	}
	who := cc.participant
	switch {
	case code == 1008 && who != nil && who.kicked:
		who.markFinal("kicked")
	case code == 4001 && cc.abandoned:
	case code == 1008 && cc.incarnation == nil: // no join in time
	case code == 1000 && (cc.incarnation == nil || cc.incarnation.ended != "" || cc.incarnation.participant.leaving):
	case cc.damaged && (code == 4002 || code == 1001): // it was slow, or silent
	default:
		cc.h.fault("%s ended with code %d, for no reason", cc, code)
	}
}
