package signaling_test

import (
	"math/rand/v2"
	"slices"
	"time"
)

// identity is what one seat stands for over time: from a plain join on,
// through resume, replace and the same nonce again. Its name is told to the
// others, so everybody's view says whom a peer id belongs to.
type identity struct {
	owner *faultClient
	name  string
	room  string

	token     string // the newest resume token; empty = joined was never seen
	nonce     string
	seatNonce string // the one that the server knows, while it knows the seat
	replacing string // the token of a replace whose joined was not seen
	life      *life  // the newest; nil = joined was never seen
	lines     []*line

	leaving   bool   // it said leave, maybe in vain
	replaced  bool   // it said replace, maybe in vain
	kicked    bool   // it was kicked
	bereft    bool   // somebody else in its room was kicked: if its seat was not held, its token has ended
	unsure    bool   // a join was sent and has no answer: who knows what became of it
	repeating bool   // a join was sent again, and has no answer
	gone      string // why it cannot come back; empty = it may
}

func (w *identity) end(why string) {
	if w.gone == "" {
		w.gone = why
	}
	if w.life != nil {
		w.life.end(why)
	}
}

// life is a peer as long as its numbers go on: from a joined with
// resumed:false to the next, or to its end.
type life struct {
	h      *history
	who    *identity
	peer   string
	server *serverRun

	view     map[string]*other
	events   []string // as they came; events[i] has seq i+1
	lastID   uint64
	requests map[uint64]*request
	outbox   []*request // unanswered, in the order of ids
	told     []tell
	received []*message // the message in events[i], or nil

	claimed     uint64 // the highest seq that the server may have been told of
	sure        uint64 // the highest seq that it has been told of
	unconfirmed int
	began       int    // in the log
	ended       string // why; empty = it goes on
	endedAt     int
	drained     bool // it ended with the orderly close of an unbroken connection
}

// other is somebody else in the room, as a peer sees it.
type other struct {
	name string
	away bool
}

// tell is news for a sender about what a receiver may not have got.
type tell struct {
	at          int
	peer        string
	bye         bool // else back with resumed:false
	undelivered []uint64
}

type request struct {
	life    *life
	kind    string
	id      uint64 // 0 = none
	text    []byte
	message *message
	seen    uint64 // what a ping confirms
	sent    int
	reply   string // empty = none yet
	bare    bool   // all that is known is that it was carried out
}

type message struct {
	uid     int
	life    *life
	to      string // empty = all
	request *request
	sentAt  int // in the log; -1 = never
	rogue   bool
	loose   bool // its ack and the events came side by side
	ackAt   int
	ack     []string // who gets it
	refused string   // code of the error; empty = none
	got     map[string]int
}

// lastSign is when the server last heard from who, on the connections that
// surely had the seat.
func (w *identity) lastSign() (last time.Time) {
	for _, l := range w.lines {
		if at := l.conn.lastPassed(); l.life != nil && l.life == w.life && at.After(last) {
			last = at
		}
	}
	return last
}

func (f *life) seq() uint64 { return uint64(len(f.events)) }

func (f *life) end(why string) {
	if f.ended == "" {
		f.ended, f.endedAt = why, len(f.h.log)
	}
}

// seqToClaim is what a resume says was seen.
func (f *life) seqToClaim(kind joinKind, r *rand.Rand) uint64 {
	switch kind {
	case joinLate:
		return r.Uint64N(f.seq() + 1)
	case joinWrong:
		return f.seq() + 1000
	default:
		return f.seq()
	}
}

func (l *line) gotJoined(f *serverFrame) {
	h, who := l.h, l.who
	switch {
	case l.answered:
		h.fault("%s: joined came twice", l)
		return
	case f.ID != l.joinID, f.Room != who.room, f.Capacity != h.plan.capacity, f.Resume == "":
		h.fault("%s: joined says what cannot be", l)
	}
	l.answered = true
	before := who.life
	who.token, who.replacing, who.repeating, who.unsure = f.Resume, "", false, false
	isNew := h.livesOf(f.Peer) == 0
	if owner := h.owners[f.Peer]; owner != nil && owner != who {
		h.fault("%s: the peer id is that of %s", l, owner.name)
	}
	h.owners[f.Peer] = who
	if f.Resumed {
		l.gotResumed(f)
		return
	}
	switch l.kind {
	case joinPlain, joinReplace:
		who.seatNonce = who.nonce
		if !isNew {
			h.fault("%s: a newcomer got an old peer id", l)
		}
		for _, p := range f.Peers {
			if !p.Polite {
				h.fault("%s: the newcomer is impolite towards %s, who was there first", l, p.Name)
			}
		}
	case joinNonce:
		who.seatNonce = who.nonce
	default:
		who.seatNonce = ""
		if f.Peer != before.peer {
			h.fault("%s: resume gave another peer id than %s", l, before.peer)
		}
	}
	if before != nil {
		before.end("reset")
	}
	who.life = &life{
		h: h, who: who, peer: f.Peer, server: l.server, began: len(h.log),
		view: make(map[string]*other), requests: make(map[uint64]*request),
	}
	h.lives = append(h.lives, who.life)
	l.life, l.next, l.claimed = who.life, 1, 0
	for _, p := range f.Peers {
		who.life.meet(l, p.Peer, p.Name, p.Polite, p.Away)
	}
}

func (l *line) gotResumed(f *serverFrame) {
	h, who := l.h, l.who
	switch {
	case l.kind != joinResume && l.kind != joinLate:
		h.fault("%s: a %s was answered with resumed:true", l, l.kind)
		return
	case f.Peer != who.life.peer:
		h.fault("%s: resumed as another than %s", l, who.life.peer)
		return
	case l.server != who.life.server:
		h.fault("%s: resumed:true from a server that cannot know the seat", l)
		return
	}
	l.life, l.next, l.resumed = who.life, l.joinSeq+1, true
	who.life.sure = max(who.life.sure, l.joinSeq)
	for _, p := range f.Peers {
		who.life.setPolite(l, p.Peer, p.Polite)
	}
	for _, q := range slices.Clone(who.life.outbox) {
		l.sendRequest(q)
	}
}

// gotRefused takes full, or an error, in answer to a join.
func (l *line) gotRefused(f *serverFrame) {
	h, who := l.h, l.who
	if l.answered {
		h.fault("%s: a second answer to join", l)
		return
	}
	l.answered = true
	switch {
	case f.Type == "full":
		if h.plan.capacity == 0 {
			h.fault("%s: a room without capacity is full", l)
		}
	case f.Code == "closing" && l.server.stopping:
	case f.Code == "unauthorized" && l.byToken && (who.leaving || who.replaced || who.kicked || who.bereft):
		who.end("refused")
	default:
		h.fault("%s: the join was refused: %s", l, f.Code)
		who.end("refused")
	}
}

// meet puts somebody into the view.
func (f *life) meet(l *line, peer, name string, polite, away bool) {
	h := f.h
	who := h.names[name]
	switch {
	case who == nil:
		h.fault("%s met %s, a stranger by the name of %q", l, peer, name)
		return
	case who == f.who:
		h.fault("%s met its own ghost %s", l, peer)
	case who.room != f.who.room:
		h.fault("%s met somebody of another room", l)
	case h.owners[peer] != nil && h.owners[peer] != who:
		h.fault("%s met %s, whose peer id is another's", l, name)
	}
	for p, o := range f.view {
		if p == peer {
			h.fault("%s met %s twice", l, name)
		} else if o.name == name {
			h.fault("%s met %s while its ghost was still there", l, name)
		}
	}
	h.owners[peer] = who
	f.view[peer] = &other{name: name, away: away}
	f.setPolite(l, peer, polite)
	if c := h.plan.capacity; c > 0 && len(f.view)+1 > c {
		h.fault("%s sees %d peers in a room for %d", l, len(f.view)+1, c)
	}
}

// setPolite holds who is polite towards whom: it never changes, and the other
// one is told the opposite.
func (f *life) setPolite(l *line, peer string, polite bool) {
	h := f.h
	if was, ok := h.polite[[2]string{f.peer, peer}]; ok && was != polite {
		h.fault("%s: the roles towards %s have changed", l, peer)
	}
	if theirs, ok := h.polite[[2]string{peer, f.peer}]; ok && theirs == polite {
		h.fault("%s and %s have the same role", l, peer)
	}
	h.polite[[2]string{f.peer, peer}] = polite
}

func (l *line) gotEvent(f *serverFrame, text []byte) {
	h, me := l.h, l.life
	switch {
	case me == nil && !l.ordered && l.who.leaving: // it came beside the reply to leave
		return
	case me == nil:
		h.fault("%s: an event before joined", l)
		return
	case f.Seq != l.next:
		h.fault("%s: event %d came when %d was due", l, f.Seq, l.next)
		return
	}
	l.next++
	if f.Seq <= me.seq() {
		if me.events[f.Seq-1] != string(text) {
			h.fault("%s: event %d was another one before: %s", l, f.Seq, me.events[f.Seq-1])
		}
		return
	}
	me.events = append(me.events, string(text))
	me.received = append(me.received, nil)
	there := me.view[f.Peer]
	if f.Type == "message" {
		there = me.view[f.From]
	}
	if there == nil && f.Type != "other_joined" {
		h.fault("%s: %s of somebody who is not there", l, f.Type)
		return
	}
	switch f.Type {
	case "other_joined":
		me.meet(l, f.Peer, f.Name, f.Polite, false)
	case "message":
		l.gotMessage(f)
	case "away":
		there.away = true
	case "back":
		there.away = false
		if !f.Resumed {
			me.told = append(me.told, tell{at: len(h.log), peer: f.Peer})
		}
	case "bye":
		l.gotBye(f)
	default:
		h.fault("%s: an event of unknown type %s", l, f.Type)
	}
	me.unconfirmed++
	if n := l.client.confirmEvery; n > 0 && me.unconfirmed >= n && me.ended == "" {
		l.client.confirm()
	}
}

func (l *line) gotBye(f *serverFrame) {
	h, me := l.h, l.life
	delete(me.view, f.Peer)
	me.told = append(me.told, tell{at: len(h.log), peer: f.Peer, bye: true, undelivered: f.Undelivered})
	who := h.owners[f.Peer]
	fits := false
	switch f.Reason {
	case "left":
		fits = who.leaving
	case "replaced":
		fits = who.replaced
	case "kicked":
		fits = who.kicked
	case "timeout":
		fits = h.overflows() || slices.ContainsFunc(who.lines, func(l *line) bool { return !l.good() })
	}
	if !fits {
		h.fault("%s: the bye of %s gives a wrong reason: %s", l, who.name, f.Reason)
	}
	for _, id := range f.Undelivered {
		l.checkUndelivered(f.Peer, id)
	}
}

func (l *line) checkUndelivered(peer string, id uint64) {
	q := l.life.requests[id]
	if q == nil || q.message == nil || q.sent == 0 || q.message.to != "" && q.message.to != peer {
		l.h.fault("%s: undelivered names %d, which was no message to %s", l, id, peer)
		return
	}
	for _, f := range l.h.lives {
		if f.peer == peer && f.server == l.server && slices.Contains(f.received[:f.sure], q.message) {
			l.h.fault("%s: undelivered names %d, which %s has confirmed", l, id, peer)
		}
	}
}

func (l *line) gotMessage(f *serverFrame) {
	h, me := l.h, l.life
	var data struct{ UID int }
	data.UID = -1
	if unmarshal(f.Data, &data) != nil || data.UID < 0 || data.UID >= len(h.messages) {
		h.fault("%s: a message that nobody sent", l)
		return
	}
	m := h.messages[data.UID]
	me.received[f.Seq-1] = m
	sender := m.life.who.owner
	switch {
	case m.rogue:
		h.fault("%s: message %d was sent on a connection that was taken over", l, m.uid)
	case m.sentAt < 0:
		h.fault("%s: message %d came before it was sent", l, m.uid)
	case m.life.peer != f.From:
		h.fault("%s: message %d is not from %s", l, m.uid, f.From)
	case m.to != "" && m.to != me.peer:
		h.fault("%s: message %d is for another", l, m.uid)
	case m.life.who.room != me.who.room || m.life.server != me.server:
		h.fault("%s: message %d is from another room", l, m.uid)
	case m.refused != "":
		h.fault("%s: message %d was refused with %s, and came", l, m.uid, m.refused)
	}
	if _, twice := m.got[me.peer]; twice {
		h.fault("%s: message %d came twice", l, m.uid)
	}
	if last, ok := l.client.lastFrom[sender]; ok && last > m.uid {
		h.fault("%s: message %d came after %d", l, m.uid, last)
	}
	l.client.lastFrom[sender] = m.uid
	m.got[me.peer] = len(h.log)
}
