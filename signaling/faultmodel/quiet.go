package faultmodel

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing/synctest"
	"time"
)

// seats are the seats that the server reports, by peer id.
type seats map[string]seatInfo

type seatInfo struct {
	room, name  string
	away        bool
	unconfirmed int // events that are not confirmed
}

func (s seats) in(room string) (n int) {
	for _, each := range s {
		if each.room == room {
			n++
		}
	}
	return n
}

func (h *history) seats() seats {
	all := make(seats)
	for _, room := range h.server.Rooms() {
		for _, p := range room.Peers {
			all[p.Peer] = seatInfo{room: room.Name, name: p.Name, away: p.State == "away", unconfirmed: p.Unconfirmed}
		}
	}
	return all
}

// afterStep checks everything if the step leaves nothing under way. It returns
// the seats at that time.
func (h *history) afterStep(s step, before seats) seats {
	if !h.virtualTime || !s.quiet {
		return nil
	}
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.seats()
	h.checkSeats(now)
	h.checkClients(now)
	c := h.clients[s.client]
	if before != nil && s.op != opCutAll && s.op != opRestart && s.op != opCrash && s.op != opKick && s.op != opTime {
		h.checkJoin(c.conn, before)
	}
	return now
}

// checkJoin checks the reply to a join that was sent while nothing else was
// under way; before are the seats before the join.
func (h *history) checkJoin(cc *clientConn, before seats) {
	if !cc.isIntact() || cc.step != h.step {
		return
	}
	who := cc.participant
	held := false
	if cc.previous != nil && cc.kind != joinPlain && cc.idleBefore < h.plan.grace {
		_, held = before[cc.previous.peer]
	}
	free := h.plan.capacity == 0 || before.in(who.room) < h.plan.capacity
	switch {
	case !cc.joinAnswered:
		if free || held {
			h.fault("%s: no answer to join", cc)
		}
	case cc.incarnation == nil && who.finalReason == "" && (free || held):
		h.fault("%s: full, though there was a seat", cc)
	case (cc.kind == joinResume || cc.kind == joinOldSeq && cc.joinSeq >= cc.previousConfirmed) && cc.incarnation != nil && !cc.resumed &&
		held && cc.noJoinPending && cc.incarnation.server == cc.server && len(h.conns) < 15:
		if cc.previous != nil && cc.previous.server == cc.server {
			h.fault("%s: the seat was held, and its events were lost", cc)
		}
	}
}

// streamNoticeTime is how long the server may take to notice that the client of
// a stream of events is gone.
const streamNoticeTime = 45 * time.Second

// timerSlack is how late the server may be: it checks the time only now and
// then, and not at all for a while when it waits for others.
const timerSlack = 4 * time.Second

// checkSeats compares the server's seats with what happened to their owners.
func (h *history) checkSeats(now seats) {
	seen := make(map[*participant]string)
	for peer, seat := range now {
		who := h.names[seat.name]
		if who == nil || who.room != seat.room {
			h.fault("the server has a seat for %s, a stranger by the name of %q", peer, seat.name)
			continue
		}
		if ghost, ok := seen[who]; ok {
			h.fault("the server has two seats for %s: %s and %s", seat.name, peer, ghost)
		}
		seen[who] = peer
		if f := h.lastIncarnation(peer); f != nil && (f.ended == "left" || f.ended == "kicked") {
			h.fault("the server has a seat for %s, which has %s", seat.name, f.ended)
		}
		if until, limited := h.heldUntil(who); limited && time.Now().After(until.Add(timerSlack)) {
			h.fault("the server has a seat for %s, which was due to end %v ago", seat.name, time.Since(until))
		}
		if h.plan.queue > 0 && seat.unconfirmed > h.plan.queue+32 {
			h.fault("the server keeps %d events for %s", seat.unconfirmed, seat.name)
		}
		if c := h.plan.capacity; c > 0 && now.in(seat.room) > c {
			h.fault("%d peers sit in a room for %d", now.in(seat.room), c)
		}
	}
}

// heldUntil returns until when the seat of who is held if nothing more arrives
// from it. There is no limit while a connection works.
func (h *history) heldUntil(who *participant) (until time.Time, limited bool) {
	held := h.plan.grace
	for _, cc := range who.conns {
		if at := cc.faulty.lastActivity(); at.After(until) {
			until = at
		}
		switch {
		case cc.events && cc.server == h.server: // when the server notices its end is its own affair
			return time.Time{}, false
		case cc.ended || cc.server != h.server:
		case cc.damaged && h.plan.ping > 0: // maybe the server has to find out
			held = max(held, 2*h.plan.ping)
		default:
			return time.Time{}, false
		}
	}
	return until.Add(held), true
}

// checkClients compares what the clients know with the seats.
func (h *history) checkClients(now seats) {
	for _, c := range h.clients {
		cc, who := c.conn, c.participant
		switch {
		case who == nil || who.incarnation == nil || who.finalReason != "" || who.kicked || who.leaving || who.joinPending:
		case cc.isIntact() && cc.isSeated():
			h.checkClient(cc, now)
		case who.incarnation.server == h.server && who.incarnation.ended == "" && h.plan.grace > 0:
			h.checkHeld(who, now)
		}
	}
}

// checkHeld checks that the seat of a broken connection is held.
func (h *history) checkHeld(who *participant, now seats) {
	for _, cc := range who.conns {
		if !cc.ended || cc.mayHang || cc.code != 0 { // the server may have ended it before it read what came last
			return
		}
	}
	if _, ok := now[who.incarnation.peer]; !ok && time.Now().Before(who.lastSign().Add(h.plan.grace)) {
		h.fault("the seat of %s was not held", who.name)
	}
}

func (h *history) checkClient(cc *clientConn, now seats) {
	f := cc.incarnation
	f.confirmed = max(f.confirmed, cc.maybeConfirmed)
	for _, q := range f.outbox {
		h.fault("%s: %s %d has no reply", cc, q.kind, q.id)
	}
	for id, n := range cc.sends {
		if cc.replies[id] != n {
			h.fault("%s: request %d was sent %d times and answered %d times", cc, id, n, cc.replies[id])
		}
	}
	if cc.garbage > 0 {
		h.fault("%s: a bad frame got no answer", cc)
	}
	mine, ok := now[f.peer]
	if !ok || mine.away || mine.name != f.participant.name {
		h.fault("%s: the server has %+v for its seat", cc, mine)
	}
	for peer, seat := range now {
		if seat.room != f.participant.room || peer == f.peer {
			continue
		}
		if o := f.peers[peer]; o == nil || o.away != seat.away || o.name != seat.name {
			h.fault("%s: sees %+v where there is %+v", cc, o, seat)
		}
	}
	for peer, o := range f.peers {
		if seat, ok := now[peer]; !ok || seat.room != f.participant.room {
			h.fault("%s: sees %s, who is not there", cc, o.name)
		}
	}
}

// settle lets all clients rejoin that can, and checks every promise; then all
// clients leave, and nothing may remain.
func (h *history) settle() {
	r := rand.New(rand.NewPCG(h.seed, 3))
	h.locked(func() { h.settling = true })
	for range 4 {
		h.waitUntil("everybody to be back", func() string { return h.reconnectAll(r) })
	}
	h.locked(h.abandonRest)
	h.waitForGrace() // until the seats that nobody wants any more are free
	h.waitUntil("those who are not back to be gone", h.compareWithServer)
	for _, c := range h.clients {
		h.sendFinalMessage(c)
	}
	h.locked(h.checkMessages)
	h.locked(func() { h.leaveAll(r) })
	h.waitForGrace()
	h.waitUntil("leaving", h.checkLeft)
	h.locked(h.closeAll)
	h.waitUntil("nothing to be left", h.checkEmpty)
}

// locked runs f with the history's lock, unless a rule is broken already.
func (h *history) locked(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.faults) == 0 {
		f()
	}
}

// waitForGrace lets the time pass that a seat outlives its connection.
func (h *history) waitForGrace() {
	if h.virtualTime && !h.failed() {
		<-time.After(max(h.plan.grace, 2*h.plan.ping) + streamNoticeTime + timerSlack)
	}
}

// maxTries is how often each client tries to rejoin at the end.
const maxTries = 3

// reconnectAll lets all clients rejoin that can. It returns what is still
// missing; in the end that is nothing.
func (h *history) reconnectAll(r *rand.Rand) (complaint string) {
	for _, cc := range h.conns {
		if cc.abandoned {
			cc.damaged = true
			cc.wire.cut()
		}
	}
	for _, c := range h.clients {
		c.confirmEvery, c.nextFuse = 1, nil
		cc := c.conn
		switch {
		case c.participant == nil || c.participant.finalReason != "":
		case !cc.mayWork(), cc.joinAnswered && !cc.isSeated() && c.tries < maxTries:
			c.tries++
			c.abandonConn(true)
			c.rejoin(joinResume, r)
			complaint = c.name + " is not back"
		case !cc.joinAnswered:
			complaint = c.name + " has no answer to its join"
		case cc.isSeated() && len(cc.incarnation.outbox) > 0:
			complaint = c.name + " waits for a reply"
		}
	}
	if h.virtualTime && complaint != "" && !strings.HasSuffix(complaint, "reply") {
		return ""
	}
	return complaint
}

// abandonRest ends the participants for which there is no room.
func (h *history) abandonRest() {
	for _, c := range h.clients {
		if c.conn != nil && !c.conn.isSeated() {
			c.abandonConn(true)
		}
		if c.participant != nil && c.participant.finalReason == "" && c.conn == nil {
			c.participant.markFinal("full")
		}
		if c.conn.isSeated() {
			c.confirm()
		}
	}
}

// compareWithServer checks that the server knows exactly the clients that are
// there, and that all of them know each other. It returns what is wrong.
func (h *history) compareWithServer() string {
	faults, log := len(h.faults), len(h.log)
	now := h.seats()
	for peer := range now {
		if f := h.lastIncarnation(peer); f == nil || !f.participant.owner.conn.isSeated() || f.participant.owner.participant != f.participant {
			return now[peer].name + " has a seat"
		}
	}
	h.checkSeats(now)
	for _, c := range h.clients {
		if c.conn.isIntact() && c.conn.isSeated() {
			h.checkClient(c.conn, now)
		}
	}
	if len(h.faults) > faults {
		why := h.faults[faults]
		h.faults, h.log = h.faults[:faults], h.log[:log]
		return why
	}
	return ""
}

// sendFinalMessage sends one message to all, which all must get.
func (h *history) sendFinalMessage(c *faultClient) {
	var m *message
	h.locked(func() {
		if c.conn.isSeated() {
			m = c.message("", true, 10)
		}
	})
	if m == nil {
		return
	}
	h.waitUntil("the last words of "+c.name+" to arrive", func() string {
		switch {
		case m.request.reply == "":
			return "no reply"
		case len(m.sender.peers) == 0 && m.refused == "alone":
			return ""
		case m.refused != "" || len(m.ack) != len(m.sender.peers) || len(m.got) != len(m.sender.peers):
			return m.request.reply
		}
		return ""
	})
}

// leaveAll makes all clients go, with or without a leave.
func (h *history) leaveAll(r *rand.Rand) {
	for _, c := range h.clients {
		switch {
		case c.conn == nil || c.conn.ended:
		case c.conn.isSeated() && r.IntN(2) == 0:
			c.participant.leaving = true
			c.submit(c.request("leave", true, ""))
		default:
			c.conn.damaged = true
			c.conn.wire.cut()
		}
	}
}

// checkLeft returns a client that has not left yet.
func (h *history) checkLeft() string {
	for _, c := range h.clients {
		if c.conn.isIntact() && c.conn.isSeated() {
			return c.name + " has not left"
		}
	}
	return ""
}

// closeAll ends all connections.
func (h *history) closeAll() {
	for _, cc := range h.conns {
		cc.damaged = true
		cc.wire.cut()
	}
}

// checkEmpty returns what the server still holds.
func (h *history) checkEmpty() string {
	s := h.server.Snapshot()
	if s.Rooms != 0 || s.Peers != 0 || s.Connections != 0 {
		return fmt.Sprintf("%+v", s)
	}
	return strings.Join(h.remains(h.server.Server), ", ")
}

// waitUntil waits until complaint returns nothing.
func (h *history) waitUntil(what string, complaint func() string) {
	if h.failed() {
		return
	}
	if !h.virtualTime {
		h.pollUntil(what, complaint)
		return
	}
	synctest.Wait()
	h.locked(func() {
		if why := complaint(); why != "" {
			h.fault("waited for %s: %s", what, why)
		}
	})
}

func (h *history) pollUntil(what string, complaint func() string) {
	deadline := time.After(patience)
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for {
		why := ""
		h.locked(func() { why = complaint() })
		if why == "" {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			h.locked(func() { h.fault("waited for %s: %s", what, why) })
			return
		}
	}
}
