package faultmodel

import (
	"encoding/json"
	"slices"
)

// maxReplies is how many replies the server stores for each peer.
const maxReplies = 32

func unmarshal(data []byte, into any) error { return json.Unmarshal(data, into) }

// gotReply handles the reply to a request.
func (cc *clientConn) gotReply(f *serverFrame, text []byte) {
	h, me := cc.h, cc.incarnation
	if me == nil {
		h.fault("%s: a reply before joined", cc)
		return
	}
	q := me.requests[f.ID]
	if q == nil || cc.replies[f.ID] >= cc.sends[f.ID] {
		h.fault("%s: a reply to %d, which asks for none", cc, f.ID)
		return
	}
	cc.replies[f.ID]++
	bare := f.Type == "ack" && f.To == nil && f.Failed == nil && q.kind != "report"
	switch {
	case bare && me.lastID < f.ID+maxReplies:
		h.fault("%s: the reply to %d was forgotten", cc, f.ID)
	case q.reply == "":
		q.reply, q.ackOnly = string(text), bare
		me.outbox = slices.DeleteFunc(me.outbox, func(o *request) bool { return o == q })
		if !bare {
			cc.firstReply(f, q)
		}
		return
	case !bare && !q.ackOnly && q.kind != "ping" && q.reply != string(text):
		h.fault("%s: the reply to %d was another before: %s", cc, f.ID, q.reply)
	}
}

func (cc *clientConn) firstReply(f *serverFrame, q *request) {
	h := cc.h
	want := map[string]string{"message": "ack", "ping": "pong", "ice": "ice", "report": "ack", "leave": "left"}[q.kind]
	switch {
	case q.message != nil && f.Type == "error":
		q.message.refused = f.Code
		cc.checkRefusal(f, q)
	case f.Type == "error" && f.Code == "closing" && cc.server.stopping:
	case f.Type != want:
		h.fault("%s: %s was answered with %s %s", cc, q.kind, f.Type, f.Code)
	case q.message != nil:
		cc.checkAck(f, q)
	case q.kind == "leave":
		q.incarnation.participant.markFinal("left")
		cc.incarnation = nil
	case q.kind == "ping":
		q.incarnation.confirmed = max(q.incarnation.confirmed, q.confirms)
		if f.Resume != "" {
			q.incarnation.participant.token = f.Resume
		}
	}
}

// checkRefusal checks whether the error is possible. What arrived before it on
// the same connection tells which peers were there when the request was carried
// out.
func (cc *clientConn) checkRefusal(f *serverFrame, q *request) {
	h, me := cc.h, q.incarnation
	fits := false
	switch f.Code {
	case "no_such_peer":
		fits = q.message.to == me.peer || me.peers[q.message.to] == nil || q.sent > 1 || !cc.ordered
	case "alone":
		fits = q.message.to == "" && (len(me.peers) == 0 || q.sent > 1 || !cc.ordered)
	case "queue_full":
		fits = h.plan.queue > 0
	case "closing":
		fits = cc.server.stopping
	}
	if !fits {
		h.fault("%s: message %d was refused with %s", cc, q.message.uid, f.Code)
	}
}

func (cc *clientConn) checkAck(f *serverFrame, q *request) {
	h, m := cc.h, q.message
	m.ack, m.ackAt, m.ackUnordered = f.To, len(h.log), !cc.ordered
	if m.ack == nil {
		h.fault("%s: the ack of message %d names nobody", cc, m.uid)
	}
	if m.to != "" && (len(f.To) != 1 || f.To[0] != m.to || f.Failed != nil) {
		h.fault("%s: the ack of message %d is for another", cc, m.uid)
	}
	if q.sent > 1 || !cc.ordered { // the view may be newer than the ack
		return
	}
	named := slices.Clone(f.To)
	for _, failed := range f.Failed {
		named = append(named, failed.Peer)
		if failed.Code != "queue_full" {
			h.fault("%s: message %d failed with %s", cc, m.uid, failed.Code)
		}
	}
	for _, p := range named {
		if q.incarnation.peers[p] == nil {
			h.fault("%s: the ack of message %d names %s, who is not there", cc, m.uid, p)
		}
	}
	if m.to == "" && len(named) != len(q.incarnation.peers) {
		h.fault("%s: the ack of message %d names %d of %d others", cc, m.uid, len(named), len(q.incarnation.peers))
	}
}

// checkMessages compares every message with what was promised about it, after
// all clients that can have rejoined and nothing is under way.
func (h *history) checkMessages() {
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
				h.checkMissing(m, peer)
			}
		}
	}
	for _, f := range h.incarnations {
		if f.ended == "" && f.participant.owner.conn.isSeated() && len(f.outbox) > 0 {
			h.fault("%s waits for the reply to %d for ever", f.participant.name, f.outbox[0].id)
		}
	}
}

// checkMissing checks whether an acknowledged message may be missing at peer.
//
// The sender must have been told, by a bye that names the message or by the
// receiver's back with resumed:false. Only a sender that ended itself, so that
// there was nobody left to tell, may have been told nothing; but then the
// receiver must have ended as well, or it would have got the message.
func (h *history) checkMissing(m *message, peer string) {
	for _, t := range m.sender.lossNotices {
		switch {
		case t.peer != peer || t.at < m.sentAt:
		case t.bye && slices.Contains(t.undelivered, m.request.id):
			return
		case !t.bye && (m.request.sent > 1 || m.ackUnordered || t.at > m.ackAt):
			return
		}
	}
	receiver := h.lastIncarnation(peer)
	switch {
	case m.sender.ended == "":
		h.fault("message %d was acknowledged for %s, did not come, and its sender was not told", m.uid, peer)
	case receiver == nil: // its joined never arrived
	case receiver.server == m.sender.server && receiver.ended == "" && receiver.began < m.sentAt:
		h.fault("message %d was acknowledged for %s, who is still there and did not get it", m.uid, peer)
	case receiver.closedOrderly && receiver.server == m.sender.server && m.ackAt < receiver.server.stoppedAt:
		h.fault("message %d was acknowledged for %s before the orderly end, and not sent", m.uid, peer)
	}
}

func (h *history) incarnationsOf(peer string) (n int) {
	for _, f := range h.incarnations {
		if f.peer == peer {
			n++
		}
	}
	return n
}

func (h *history) lastIncarnation(peer string) (last *incarnation) {
	for _, f := range h.incarnations {
		if f.peer == peer {
			last = f
		}
	}
	return last
}
