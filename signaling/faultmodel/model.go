package faultmodel

import (
	"math/rand/v2"
	"slices"
	"time"
)

// participant is what one seat stands for over time: from a plain join on,
// through resume, replace and the same nonce again. Its name is sent to the
// others, so that everyone's list of peers shows whom a peer id belongs to.
type participant struct {
	owner *faultClient
	name  string
	room  string

	token       string // the newest resume token; empty = no joined has arrived
	nonce       string
	seatNonce   string       // the one that the server knows, as long as it knows the seat
	replacing   string       // the token of a replace whose joined has not arrived
	incarnation *incarnation // the newest; nil = no joined has arrived
	conns       []*clientConn

	leaving        bool   // it sent leave, maybe in vain
	replaced       bool   // it sent replace, maybe in vain
	kicked         bool   // it was kicked
	roommateKicked bool   // another peer in its room was kicked: if its seat was not held then, its token is invalid
	joinPending    bool   // a join is unanswered: its effect is unknown
	joinRepeated   bool   // a join was sent again, and is unanswered
	finalReason    string // why it cannot rejoin; empty = it can
}

func (w *participant) markFinal(why string) {
	if w.finalReason == "" {
		w.finalReason = why
	}
	if w.incarnation != nil {
		w.incarnation.markEnded(why)
	}
}

// incarnation is the time in which a participant's sequence numbers go on: from
// a joined with resumed:false to the next one, or to the participant's end.
type incarnation struct {
	h           *history
	participant *participant
	peer        string
	server      *serverRun

	peers       map[string]*viewedPeer
	events      []string // as they arrived; events[i] has seq i+1
	lastID      uint64
	requests    map[uint64]*request
	outbox      []*request // unanswered, in the order of ids
	lossNotices []lossNotice
	received    []*message // the message in events[i], or nil

	maybeConfirmed uint64 // the highest seq that the client has sent: the server may have it
	confirmed      uint64 // the highest seq that the server certainly has
	unconfirmed    int
	began          int    // index in the log
	ended          string // why; empty = it goes on
	endedAt        int
	closedOrderly  bool // it ended when the server closed an undamaged connection in an orderly way
}

// viewedPeer is another peer in the room, as a participant sees it.
type viewedPeer struct {
	name string
	away bool
}

// lossNotice tells a sender that a receiver may not have got its messages.
type lossNotice struct {
	at          int
	peer        string
	bye         bool // a bye; else a back with resumed:false
	undelivered []uint64
}

type request struct {
	incarnation *incarnation
	kind        string
	id          uint64 // 0 = none
	text        []byte
	message     *message
	confirms    uint64 // what a ping confirms
	sent        int
	reply       string // empty = none yet
	ackOnly     bool   // the reply says only that it was carried out
}

type message struct {
	uid          int
	sender       *incarnation
	to           string // empty = all
	request      *request
	sentAt       int  // index in the log; -1 = never
	onOldConn    bool // sent on a connection whose seat was taken over
	ackUnordered bool // its ack and the events arrived in no particular order
	ackAt        int
	ack          []string // the receivers
	refused      string   // code of the error; empty = none
	got          map[string]int
}

// lastSign returns when the server last heard from the participant, on the
// connections that certainly had its seat.
func (w *participant) lastSign() (last time.Time) {
	for _, cc := range w.conns {
		if at := cc.faulty.lastActivity(); cc.incarnation != nil && cc.incarnation == w.incarnation && at.After(last) {
			last = at
		}
	}
	return last
}

func (f *incarnation) seq() uint64 { return uint64(len(f.events)) }

func (f *incarnation) markEnded(why string) {
	if f.ended == "" {
		f.ended, f.endedAt = why, len(f.h.log)
	}
}

// seqForResume returns the seq for a resume of that kind.
func (f *incarnation) seqForResume(kind joinKind, r *rand.Rand) uint64 {
	switch kind {
	case joinOldSeq:
		return r.Uint64N(f.seq() + 1)
	case joinFutureSeq:
		return f.seq() + 1000
	default:
		return f.seq()
	}
}

func (cc *clientConn) gotJoined(f *serverFrame) {
	h, who := cc.h, cc.participant
	switch {
	case cc.joinAnswered:
		h.fault("%s: joined came twice", cc)
		return
	case f.ID != cc.joinID, f.Room != who.room, f.Capacity != h.plan.capacity, f.Resume == "":
		h.fault("%s: joined says what cannot be", cc)
	}
	cc.joinAnswered = true
	before := who.incarnation
	who.token, who.replacing, who.joinRepeated, who.joinPending = f.Resume, "", false, false
	isNew := h.incarnationsOf(f.Peer) == 0
	if owner := h.owners[f.Peer]; owner != nil && owner != who {
		h.fault("%s: the peer id is that of %s", cc, owner.name)
	}
	h.owners[f.Peer] = who
	if f.Resumed {
		cc.gotResumed(f)
		return
	}
	switch cc.kind {
	case joinPlain, joinReplace:
		who.seatNonce = who.nonce
		if !isNew {
			h.fault("%s: a newcomer got an old peer id", cc)
		}
		for _, p := range f.Peers {
			if !p.Polite {
				h.fault("%s: the newcomer is impolite towards %s, who was there first", cc, p.Name)
			}
		}
	case joinNonce:
		who.seatNonce = who.nonce
	default:
		who.seatNonce = ""
		if f.Peer != before.peer {
			h.fault("%s: resume gave another peer id than %s", cc, before.peer)
		}
	}
	if before != nil {
		before.markEnded("reset")
	}
	who.incarnation = &incarnation{
		h: h, participant: who, peer: f.Peer, server: cc.server, began: len(h.log),
		peers: make(map[string]*viewedPeer), requests: make(map[uint64]*request),
	}
	h.incarnations = append(h.incarnations, who.incarnation)
	cc.incarnation, cc.next, cc.maybeConfirmed = who.incarnation, 1, 0
	for _, p := range f.Peers {
		who.incarnation.addPeer(cc, p.Peer, p.Name, p.Polite, p.Away)
	}
}

func (cc *clientConn) gotResumed(f *serverFrame) {
	h, who := cc.h, cc.participant
	switch {
	case cc.kind != joinResume && cc.kind != joinOldSeq:
		h.fault("%s: a %s was answered with resumed:true", cc, cc.kind)
		return
	case f.Peer != who.incarnation.peer:
		h.fault("%s: resumed as another than %s", cc, who.incarnation.peer)
		return
	case cc.server != who.incarnation.server:
		h.fault("%s: resumed:true from a server that cannot know the seat", cc)
		return
	}
	cc.incarnation, cc.next, cc.resumed = who.incarnation, cc.joinSeq+1, true
	who.incarnation.confirmed = max(who.incarnation.confirmed, cc.joinSeq)
	for _, p := range f.Peers {
		who.incarnation.setPolite(cc, p.Peer, p.Polite)
	}
	for _, q := range slices.Clone(who.incarnation.outbox) {
		cc.sendRequest(q)
	}
}

// gotRefused handles full, or an error, in reply to a join.
func (cc *clientConn) gotRefused(f *serverFrame) {
	h, who := cc.h, cc.participant
	if cc.joinAnswered {
		h.fault("%s: a second answer to join", cc)
		return
	}
	cc.joinAnswered = true
	switch {
	case f.Type == "full":
		if h.plan.capacity == 0 {
			h.fault("%s: a room without capacity is full", cc)
		}
	case f.Code == "closing" && cc.server.stopping:
	case f.Code == "unauthorized" && cc.byToken && (who.leaving || who.replaced || who.kicked || who.roommateKicked):
		who.markFinal("refused")
	default:
		h.fault("%s: the join was refused: %s", cc, f.Code)
		who.markFinal("refused")
	}
}

// addPeer adds a peer to the list of peers.
func (f *incarnation) addPeer(cc *clientConn, peer, name string, polite, away bool) {
	h := f.h
	who := h.names[name]
	switch {
	case who == nil:
		h.fault("%s met %s, a stranger by the name of %q", cc, peer, name)
		return
	case who == f.participant:
		h.fault("%s met its own ghost %s", cc, peer)
	case who.room != f.participant.room:
		h.fault("%s met somebody of another room", cc)
	case h.owners[peer] != nil && h.owners[peer] != who:
		h.fault("%s met %s, whose peer id is another's", cc, name)
	}
	for p, o := range f.peers {
		if p == peer {
			h.fault("%s met %s twice", cc, name)
		} else if o.name == name {
			h.fault("%s met %s while its ghost was still there", cc, name)
		}
	}
	h.owners[peer] = who
	f.peers[peer] = &viewedPeer{name: name, away: away}
	f.setPolite(cc, peer, polite)
	if c := h.plan.capacity; c > 0 && len(f.peers)+1 > c {
		h.fault("%s sees %d peers in a room for %d", cc, len(f.peers)+1, c)
	}
}

// setPolite checks which peer is polite: that never changes, and the other peer
// is told the opposite.
func (f *incarnation) setPolite(cc *clientConn, peer string, polite bool) {
	h := f.h
	if was, ok := h.polite[[2]string{f.peer, peer}]; ok && was != polite {
		h.fault("%s: the roles towards %s have changed", cc, peer)
	}
	if theirs, ok := h.polite[[2]string{peer, f.peer}]; ok && theirs == polite {
		h.fault("%s and %s have the same role", cc, peer)
	}
	h.polite[[2]string{f.peer, peer}] = polite
}

func (cc *clientConn) gotEvent(f *serverFrame, text []byte) {
	h, me := cc.h, cc.incarnation
	switch {
	case me == nil && !cc.ordered && cc.participant.leaving: // it came beside the reply to leave
		return
	case me == nil:
		h.fault("%s: an event before joined", cc)
		return
	case f.Seq != cc.next:
		h.fault("%s: event %d came when %d was due", cc, f.Seq, cc.next)
		return
	}
	cc.next++
	if f.Seq <= me.seq() {
		if me.events[f.Seq-1] != string(text) {
			h.fault("%s: event %d was another one before: %s", cc, f.Seq, me.events[f.Seq-1])
		}
		return
	}
	me.events = append(me.events, string(text))
	me.received = append(me.received, nil)
	there := me.peers[f.Peer]
	if f.Type == "message" {
		there = me.peers[f.From]
	}
	if there == nil && f.Type != "other_joined" {
		h.fault("%s: %s of somebody who is not there", cc, f.Type)
		return
	}
	switch f.Type {
	case "other_joined":
		me.addPeer(cc, f.Peer, f.Name, f.Polite, false)
	case "message":
		cc.gotMessage(f)
	case "away":
		there.away = true
	case "back":
		there.away = false
		if !f.Resumed {
			me.lossNotices = append(me.lossNotices, lossNotice{at: len(h.log), peer: f.Peer})
		}
	case "bye":
		cc.gotBye(f)
	default:
		h.fault("%s: an event of unknown type %s", cc, f.Type)
	}
	me.unconfirmed++
	if n := cc.client.confirmEvery; n > 0 && me.unconfirmed >= n && me.ended == "" {
		cc.client.confirm()
	}
}

func (cc *clientConn) gotBye(f *serverFrame) {
	h, me := cc.h, cc.incarnation
	delete(me.peers, f.Peer)
	me.lossNotices = append(me.lossNotices, lossNotice{at: len(h.log), peer: f.Peer, bye: true, undelivered: f.Undelivered})
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
		fits = h.overflows() || slices.ContainsFunc(who.conns, func(cc *clientConn) bool { return !cc.isIntact() })
	}
	if !fits {
		h.fault("%s: the bye of %s gives a wrong reason: %s", cc, who.name, f.Reason)
	}
	for _, id := range f.Undelivered {
		cc.checkUndelivered(f.Peer, id)
	}
}

func (cc *clientConn) checkUndelivered(peer string, id uint64) {
	q := cc.incarnation.requests[id]
	if q == nil || q.message == nil || q.sent == 0 || q.message.to != "" && q.message.to != peer {
		cc.h.fault("%s: undelivered names %d, which was no message to %s", cc, id, peer)
		return
	}
	for _, f := range cc.h.incarnations {
		if f.peer == peer && f.server == cc.server && slices.Contains(f.received[:f.confirmed], q.message) {
			cc.h.fault("%s: undelivered names %d, which %s has confirmed", cc, id, peer)
		}
	}
}

func (cc *clientConn) gotMessage(f *serverFrame) {
	h, me := cc.h, cc.incarnation
	var data struct{ UID int }
	data.UID = -1
	if unmarshal(f.Data, &data) != nil || data.UID < 0 || data.UID >= len(h.messages) {
		h.fault("%s: a message that nobody sent", cc)
		return
	}
	m := h.messages[data.UID]
	me.received[f.Seq-1] = m
	sender := m.sender.participant.owner
	switch {
	case m.onOldConn:
		h.fault("%s: message %d was sent on a connection that was taken over", cc, m.uid)
	case m.sentAt < 0:
		h.fault("%s: message %d came before it was sent", cc, m.uid)
	case m.sender.peer != f.From:
		h.fault("%s: message %d is not from %s", cc, m.uid, f.From)
	case m.to != "" && m.to != me.peer:
		h.fault("%s: message %d is for another", cc, m.uid)
	case m.sender.participant.room != me.participant.room || m.sender.server != me.server:
		h.fault("%s: message %d is from another room", cc, m.uid)
	case m.refused != "":
		h.fault("%s: message %d was refused with %s, and came", cc, m.uid, m.refused)
	}
	if _, twice := m.got[me.peer]; twice {
		h.fault("%s: message %d came twice", cc, m.uid)
	}
	if last, ok := cc.client.lastFrom[sender]; ok && last > m.uid {
		h.fault("%s: message %d came after %d", cc, m.uid, last)
	}
	cc.client.lastFrom[sender] = m.uid
	m.got[me.peer] = len(h.log)
}
