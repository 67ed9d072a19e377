package signaling_test

import (
	"encoding/json"
	"slices"
)

// repliesKept is how many replies the server remembers for each peer.
const maxReplies = 32

func unmarshal(data []byte, into any) error { return json.Unmarshal(data, into) }

// gotReply takes the answer to a request.
func (l *line) gotReply(f *serverFrame, text []byte) {
	h, me := l.h, l.life
	if me == nil {
		h.fault("%s: a reply before joined", l)
		return
	}
	q := me.requests[f.ID]
	if q == nil || l.replies[f.ID] >= l.sends[f.ID] {
		h.fault("%s: a reply to %d, which asks for none", l, f.ID)
		return
	}
	l.replies[f.ID]++
	bare := f.Type == "ack" && f.To == nil && f.Failed == nil && q.kind != "report"
	switch {
	case bare && me.lastID < f.ID+maxReplies:
		h.fault("%s: the reply to %d was forgotten", l, f.ID)
	case q.reply == "":
		q.reply, q.bare = string(text), bare
		me.outbox = slices.DeleteFunc(me.outbox, func(o *request) bool { return o == q })
		if !bare {
			l.firstReply(f, q)
		}
		return
	case !bare && !q.bare && q.kind != "ping" && q.reply != string(text):
		h.fault("%s: the reply to %d was another before: %s", l, f.ID, q.reply)
	}
}

func (l *line) firstReply(f *serverFrame, q *request) {
	h := l.h
	want := map[string]string{"message": "ack", "ping": "pong", "ice": "ice", "report": "ack", "leave": "left"}[q.kind]
	switch {
	case q.message != nil && f.Type == "error":
		q.message.refused = f.Code
		l.checkRefusal(f, q)
	case f.Type == "error" && f.Code == "closing" && l.server.stopping:
	case f.Type != want:
		h.fault("%s: %s was answered with %s %s", l, q.kind, f.Type, f.Code)
	case q.message != nil:
		l.checkAck(f, q)
	case q.kind == "leave":
		q.life.who.end("left")
		l.life = nil
	case q.kind == "ping":
		q.life.sure = max(q.life.sure, q.seen)
		if f.Resume != "" {
			q.life.who.token = f.Resume
		}
	}
}

// checkRefusal looks whether the error can be. What came before it on the same
// connection tells who was there when the request was carried out.
func (l *line) checkRefusal(f *serverFrame, q *request) {
	h, me := l.h, q.life
	fits := false
	switch f.Code {
	case "no_such_peer":
		fits = q.message.to == me.peer || me.view[q.message.to] == nil || q.sent > 1 || !l.ordered
	case "alone":
		fits = q.message.to == "" && (len(me.view) == 0 || q.sent > 1 || !l.ordered)
	case "queue_full":
		fits = h.plan.queue > 0
	case "closing":
		fits = l.server.stopping
	}
	if !fits {
		h.fault("%s: message %d was refused with %s", l, q.message.uid, f.Code)
	}
}

func (l *line) checkAck(f *serverFrame, q *request) {
	h, m := l.h, q.message
	m.ack, m.ackAt, m.loose = f.To, len(h.log), !l.ordered
	if m.ack == nil {
		h.fault("%s: the ack of message %d names nobody", l, m.uid)
	}
	if m.to != "" && (len(f.To) != 1 || f.To[0] != m.to || f.Failed != nil) {
		h.fault("%s: the ack of message %d is for another", l, m.uid)
	}
	if q.sent > 1 || !l.ordered { // the view may be newer than the ack
		return
	}
	named := slices.Clone(f.To)
	for _, failed := range f.Failed {
		named = append(named, failed.Peer)
		if failed.Code != "queue_full" {
			h.fault("%s: message %d failed with %s", l, m.uid, failed.Code)
		}
	}
	for _, p := range named {
		if q.life.view[p] == nil {
			h.fault("%s: the ack of message %d names %s, who is not there", l, m.uid, p)
		}
	}
	if m.to == "" && len(named) != len(q.life.view) {
		h.fault("%s: the ack of message %d names %d of %d others", l, m.uid, len(named), len(q.life.view))
	}
}

// judge holds every message against what was promised about it, when
// everybody who could come back has done so and nothing is under way.
func (h *history) judge() {
	for _, m := range h.messages {
		for peer := range m.got {
			switch {
			case m.refused != "":
				h.fault("message %d was refused with %s, and %s got it", m.uid, m.refused, peer)
			case m.ack != nil && !slices.Contains(m.ack, peer):
				h.fault("message %d came to %s, whom its ack does not name", m.uid, peer)
			}
		}
		for _, peer := range m.ack {
			if _, ok := m.got[peer]; !ok {
				h.judgeMissing(m, peer)
			}
		}
	}
	for _, f := range h.lives {
		if f.ended == "" && f.who.owner.line.seated() && len(f.outbox) > 0 {
			h.fault("%s waits for the reply to %d for ever", f.who.name, f.outbox[0].id)
		}
	}
}

// judgeMissing asks whether an acknowledged message may be missing at peer.
//
// The sender must have been told, by a bye that names it or by the receiver's
// return with resumed:false. Only a sender that itself ended, so that nobody
// was left to be told, need not have been; but then the receiver must have
// ended too, or it would have got the message.
func (h *history) judgeMissing(m *message, peer string) {
	for _, t := range m.life.told {
		switch {
		case t.peer != peer || t.at < m.sentAt:
		case t.bye && slices.Contains(t.undelivered, m.request.id):
			return
		case !t.bye && (m.request.sent > 1 || m.loose || t.at > m.ackAt):
			return
		}
	}
	receiver := h.lastLife(peer)
	switch {
	case m.life.ended == "":
		h.fault("message %d was acknowledged for %s, did not come, and its sender was not told", m.uid, peer)
	case receiver == nil: // its joined never arrived
	case receiver.server == m.life.server && receiver.ended == "" && receiver.began < m.sentAt:
		h.fault("message %d was acknowledged for %s, who is still there and did not get it", m.uid, peer)
	case receiver.drained && receiver.server == m.life.server && m.ackAt < receiver.server.stoppedAt:
		h.fault("message %d was acknowledged for %s before the orderly end, and not sent", m.uid, peer)
	}
}

func (h *history) livesOf(peer string) (n int) {
	for _, f := range h.lives {
		if f.peer == peer {
			n++
		}
	}
	return n
}

func (h *history) lastLife(peer string) (last *life) {
	for _, f := range h.lives {
		if f.peer == peer {
			last = f
		}
	}
	return last
}
