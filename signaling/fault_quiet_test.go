package signaling_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing/synctest"
	"time"
)

// seats is who sits where, as the server says, by peer id.
type seats map[string]seatInfo

type seatInfo struct {
	room, name string
	away       bool
	kept       int // events that are not confirmed
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
			all[p.Peer] = seatInfo{room: room.Name, name: p.Name, away: p.State == "away", kept: p.Unconfirmed}
		}
	}
	return all
}

// afterStep looks at everything when the step has been asked to leave nothing
// under way. It returns who sits where then.
func (h *history) afterStep(s step, before seats) seats {
	if !h.exact || !s.quiet {
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
		h.checkJoin(c.line, before)
	}
	return now
}

// checkJoin looks at the answer to a join that was made when all else was
// quiet, and before which the seats were as told.
func (h *history) checkJoin(l *line, before seats) {
	if !l.good() || l.step != h.step {
		return
	}
	who := l.who
	held := false
	if l.before != nil && l.kind != joinPlain && l.heard < h.plan.grace {
		_, held = before[l.before.peer]
	}
	free := h.plan.capacity == 0 || before.in(who.room) < h.plan.capacity
	switch {
	case !l.answered:
		if free || held {
			h.fault("%s: no answer to join", l)
		}
	case l.life == nil && who.gone == "" && (free || held):
		h.fault("%s: full, though there was a seat", l)
	case (l.kind == joinResume || l.kind == joinLate && l.joinSeq >= l.claimedBefore) && l.life != nil && !l.resumed &&
		held && l.wasSure && l.life.server == l.server && len(h.lines) < 15:
		if l.before != nil && l.before.server == l.server {
			h.fault("%s: the seat was held, and its events were lost", l)
		}
	}
}

// noticed is how long it may take until a stream of events without a client is
// noticed.
const noticed = 45 * time.Second

// slack is how much later than it is due a thing may happen, for the server
// looks at times now and then only, and for a while at nothing else when it
// waits for others.
const slack = 4 * time.Second

// checkSeats holds the server's seats against what happened to their owners.
func (h *history) checkSeats(now seats) {
	seen := make(map[*identity]string)
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
		if f := h.lastLife(peer); f != nil && (f.ended == "left" || f.ended == "kicked") {
			h.fault("the server has a seat for %s, which has %s", seat.name, f.ended)
		}
		if until, limited := h.heldUntil(who); limited && time.Now().After(until.Add(slack)) {
			h.fault("the server has a seat for %s, which was due to end %v ago", seat.name, time.Since(until))
		}
		if h.plan.queue > 0 && seat.kept > h.plan.queue+32 {
			h.fault("the server keeps %d events for %s", seat.kept, seat.name)
		}
		if c := h.plan.capacity; c > 0 && now.in(seat.room) > c {
			h.fault("%d peers sit in a room for %d", now.in(seat.room), c)
		}
	}
}

// heldUntil is how long the seat of who is held when nothing more is heard
// from it. It is not limited while a connection works.
func (h *history) heldUntil(who *identity) (until time.Time, limited bool) {
	held := h.plan.grace
	for _, l := range who.lines {
		if at := l.conn.lastPassed(); at.After(until) {
			until = at
		}
		switch {
		case l.events && l.server == h.server: // when the server notices its end is its own affair
			return time.Time{}, false
		case l.over || l.server != h.server:
		case l.damaged && h.plan.ping > 0: // maybe the server has to find out
			held = max(held, 2*h.plan.ping)
		default:
			return time.Time{}, false
		}
	}
	return until.Add(held), true
}

// checkClients holds what the clients know against what is.
func (h *history) checkClients(now seats) {
	for _, c := range h.clients {
		l, who := c.line, c.who
		switch {
		case who == nil || who.life == nil || who.gone != "" || who.kicked || who.leaving || who.unsure:
		case l.good() && l.seated():
			h.checkClient(l, now)
		case who.life.server == h.server && who.life.ended == "" && h.plan.grace > 0:
			h.checkHeld(who, now)
		}
	}
}

// checkHeld looks whether the seat of a broken connection is held.
func (h *history) checkHeld(who *identity, now seats) {
	for _, l := range who.lines {
		if !l.over || l.stuck || l.code != 0 { // the server may have ended it before it read what came last
			return
		}
	}
	if _, ok := now[who.life.peer]; !ok && time.Now().Before(who.lastSign().Add(h.plan.grace)) {
		h.fault("the seat of %s was not held", who.name)
	}
}

func (h *history) checkClient(l *line, now seats) {
	f := l.life
	f.sure = max(f.sure, l.claimed)
	for _, q := range f.outbox {
		h.fault("%s: %s %d has no reply", l, q.kind, q.id)
	}
	for id, n := range l.sends {
		if l.replies[id] != n {
			h.fault("%s: request %d was sent %d times and answered %d times", l, id, n, l.replies[id])
		}
	}
	if l.garbage > 0 {
		h.fault("%s: a bad frame got no answer", l)
	}
	mine, ok := now[f.peer]
	if !ok || mine.away || mine.name != f.who.name {
		h.fault("%s: the server has %+v for its seat", l, mine)
	}
	for peer, seat := range now {
		if seat.room != f.who.room || peer == f.peer {
			continue
		}
		if o := f.view[peer]; o == nil || o.away != seat.away || o.name != seat.name {
			h.fault("%s: sees %+v where there is %+v", l, o, seat)
		}
	}
	for peer, o := range f.view {
		if seat, ok := now[peer]; !ok || seat.room != f.who.room {
			h.fault("%s: sees %s, who is not there", l, o.name)
		}
	}
}

// settle lets everybody come back who can, and looks what became of all that
// was promised; then everybody goes, and nothing may be left.
func (h *history) settle() {
	r := rand.New(rand.NewPCG(h.seed, 3))
	h.do(func() { h.settling = true })
	for range 4 {
		h.wait("everybody to be back", func() string { return h.gather(r) })
	}
	h.do(h.giveUpRest)
	h.age() // until the seats that nobody wants any more are free
	h.wait("those who are not back to be gone", h.agreed)
	for _, c := range h.clients {
		h.lastWords(c)
	}
	h.do(h.judge)
	h.do(func() { h.disperse(r) })
	h.age()
	h.wait("leaving", h.left)
	h.do(h.hangUp)
	h.wait("nothing to be left", h.deserted)
}

// do runs f with the history's lock, unless a rule is broken already.
func (h *history) do(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.faults) == 0 {
		f()
	}
}

// age passes the time that a seat outlives its connection.
func (h *history) age() {
	if h.exact && !h.failed() {
		<-time.After(max(h.plan.grace, 2*h.plan.ping) + noticed + slack)
	}
}

// maxTries is how often everybody tries to come back at the end.
const maxTries = 3

// gather lets everybody come back who can. In the end it has nothing to
// complain about.
func (h *history) gather(r *rand.Rand) (complaint string) {
	for _, l := range h.lines {
		if l.given {
			l.damaged = true
			l.wire.cut()
		}
	}
	for _, c := range h.clients {
		c.confirmEvery, c.fuse = 1, nil
		l := c.line
		switch {
		case c.who == nil || c.who.gone != "":
		case !l.alive(), l.answered && !l.seated() && c.tries < maxTries:
			c.tries++
			c.giveUp(true)
			c.comeBack(joinResume, r)
			complaint = c.name + " is not back"
		case !l.answered:
			complaint = c.name + " has no answer to its join"
		case l.seated() && len(l.life.outbox) > 0:
			complaint = c.name + " waits for a reply"
		}
	}
	if h.exact && complaint != "" && !strings.HasSuffix(complaint, "reply") {
		return ""
	}
	return complaint
}

// giveUpRest ends those whom the room has no place for.
func (h *history) giveUpRest() {
	for _, c := range h.clients {
		if c.line != nil && !c.line.seated() {
			c.giveUp(true)
		}
		if c.who != nil && c.who.gone == "" && c.line == nil {
			c.who.end("full")
		}
		if c.line.seated() {
			c.confirm()
		}
	}
}

// agreed tells whether the server knows nobody but those who are there, and
// all of these know one another.
func (h *history) agreed() string {
	faults, log := len(h.faults), len(h.log)
	now := h.seats()
	for peer := range now {
		if f := h.lastLife(peer); f == nil || !f.who.owner.line.seated() || f.who.owner.who != f.who {
			return now[peer].name + " has a seat"
		}
	}
	h.checkSeats(now)
	for _, c := range h.clients {
		if c.line.good() && c.line.seated() {
			h.checkClient(c.line, now)
		}
	}
	if len(h.faults) > faults {
		why := h.faults[faults]
		h.faults, h.log = h.faults[:faults], h.log[:log]
		return why
	}
	return ""
}

// lastWords sends one message to all, which all must get.
func (h *history) lastWords(c *faultClient) {
	var m *message
	h.do(func() {
		if c.line.seated() {
			m = c.message("", true, 10)
		}
	})
	if m == nil {
		return
	}
	h.wait("the last words of "+c.name+" to arrive", func() string {
		switch {
		case m.request.reply == "":
			return "no reply"
		case len(m.life.view) == 0 && m.refused == "alone":
			return ""
		case m.refused != "" || len(m.ack) != len(m.life.view) || len(m.got) != len(m.life.view):
			return m.request.reply
		}
		return ""
	})
}

// disperse makes everybody go, one way or the other.
func (h *history) disperse(r *rand.Rand) {
	for _, c := range h.clients {
		switch {
		case c.line == nil || c.line.over:
		case c.line.seated() && r.IntN(2) == 0:
			c.who.leaving = true
			c.submit(c.request("leave", true, ""))
		default:
			c.line.damaged = true
			c.line.wire.cut()
		}
	}
}

// left tells whether those who leave have done so.
func (h *history) left() string {
	for _, c := range h.clients {
		if c.line.good() && c.line.seated() {
			return c.name + " has not left"
		}
	}
	return ""
}

// hangUp ends the connections of those who have left.
func (h *history) hangUp() {
	for _, l := range h.lines {
		l.damaged = true
		l.wire.cut()
	}
}

func (h *history) deserted() string {
	s := h.server.Snapshot()
	if s.Rooms != 0 || s.Peers != 0 || s.Connections != 0 {
		return fmt.Sprintf("%+v", s)
	}
	return strings.Join(h.server.Remains(), ", ")
}

// wait waits until there is nothing to complain about.
func (h *history) wait(what string, complaint func() string) {
	if h.failed() {
		return
	}
	if !h.exact {
		h.waitLong(what, complaint)
		return
	}
	synctest.Wait()
	h.do(func() {
		if why := complaint(); why != "" {
			h.fault("waited for %s: %s", what, why)
		}
	})
}

func (h *history) waitLong(what string, complaint func() string) {
	deadline := time.After(patience)
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for {
		why := ""
		h.do(func() { why = complaint() })
		if why == "" {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			h.do(func() { h.fault("waited for %s: %s", what, why) })
			return
		}
	}
}
