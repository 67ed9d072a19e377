package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// link is one connection of a peer, by either transport.
type link interface {
	send(text string) error
	inbox() *inbox
	// cut breaks the connection without a close.
	cut()
}

// peer is a client that does what the test says. It also checks what holds always: that
// frames match the schema, and that the numbers of events have no gaps.
type peer struct {
	s      *scene
	name   string
	link   link
	joined frame         // the newest
	id     int64         // of the newest request
	seq    int64         // of the newest event
	extra  time.Duration // how much longer than usual it waits
}

// dial connects a peer that does not join.
func (s *scene) dial(name string) *peer {
	s.Helper()
	p := &peer{s: s, name: name}
	p.connect(s.via)
	return p
}

// join connects a peer that joins the scene's room.
func (s *scene) join(name string) *peer {
	s.Helper()
	p := s.dial(name)
	p.join(nil)
	return p
}

// pair returns two peers in one room. The test has read all their events.
func (s *scene) pair() (a, b *peer) {
	s.Helper()
	a = s.join("Ann")
	b = s.join("Bo")
	a.event("other_joined")
	return a, b
}

// connect gives p a new connection, and forgets the old one.
func (p *peer) connect(via string) {
	p.s.Helper()
	switch via {
	case viaStream:
		st, err := p.s.at.newStream()
		if err == nil {
			err = st.listen("")
		}
		if err != nil {
			p.s.failf("%s cannot connect: %v", p.name, err)
		}
		p.link = st
	default:
		p.link = p.s.socket(p.name)
	}
	p.s.Cleanup(p.link.cut)
}

// socket opens a WebSocket and starts to read from it.
func (s *scene) socket(name string) *socket {
	s.Helper()
	w := s.openSocket(name, handshake{})
	go w.run() // ends with the connection, which connect's caller cuts
	return w
}

func (s *scene) openSocket(name string, h handshake) *socket {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), *patienceFlag)
	defer cancel()
	for {
		w, response, err := s.at.dialSocket(ctx, h)
		if errors.Is(err, errRefused) {
			response.Body.Close()
			if response.StatusCode == http.StatusTooManyRequests {
				<-time.After(time.Second)
				continue
			}
			s.failf("%s: the handshake is answered with %s", name, response.Status)
		}
		if err != nil {
			s.failf("%s cannot connect: %v", name, err)
		}
		return w
	}
}

// ws returns p's connection, which the test knows to be a WebSocket.
func (p *peer) ws() *socket {
	p.s.Helper()
	w, ok := p.link.(*socket)
	if !ok {
		p.s.Fatalf("%s is not connected by WebSocket", p.name)
	}
	return w
}

// cut breaks p's connection.
func (p *peer) cut() { p.link.cut() }

// write sends a frame unchanged.
func (p *peer) write(text string) {
	p.s.Helper()
	if err := p.link.send(text); err != nil {
		p.s.failf("%s sends %.200s: %v%s", p.name, text, err, p.ending())
	}
}

// ending returns how the connection ended; "" = it has not.
func (p *peer) ending() string {
	box := p.link.inbox()
	select {
	case <-box.ended:
		if box.fault != "" {
			return "; " + box.fault
		}
		return fmt.Sprintf("; the connection has ended with code %d", box.code)
	default:
		return ""
	}
}

// next returns the next frame of one of the inbox's queues. ok is false if none
// arrives.
func (p *peer) next(from chan frame) (f frame, ok bool) {
	select {
	case f = <-from:
		return f, true
	default:
	}
	timer := time.NewTimer(*patienceFlag + p.extra)
	defer timer.Stop()
	select {
	case f = <-from:
		return f, true
	case <-timer.C:
		return frame{}, false
	case <-p.link.inbox().ended:
		select {
		case f = <-from:
			return f, true
		default:
			return frame{}, false
		}
	}
}

// reply returns the next reply or notice.
func (p *peer) reply() frame {
	p.s.Helper()
	f, ok := p.next(p.link.inbox().replies)
	if !ok {
		p.s.failf("%s got no reply%s", p.name, p.ending())
	}
	return f
}

// replyOf returns the next reply, which must be of that type and to that request.
func (p *peer) replyOf(kind string, id int64) frame {
	p.s.Helper()
	f := p.reply()
	if f.kind() != kind || f.id() != id {
		p.s.failf("%s got %v, want %q with the id %d", p.name, f, kind, id)
	}
	return f
}

// event returns the next event, which must be of that type and have the next number.
func (p *peer) event(kind string) frame {
	p.s.Helper()
	f, ok := p.next(p.link.inbox().events)
	if !ok {
		p.s.failf("%s did not get the event %q%s", p.name, kind, p.ending())
	}
	if f.kind() != kind {
		p.s.failf("%s got the event %v, want %q", p.name, f, kind)
	}
	if f.seq() != p.seq+1 {
		p.s.failf("%s got %v after seq %d, want the next number", p.name, f, p.seq)
	}
	p.seq = f.seq()
	return f
}

// about returns the next event, which must be of that type and about that peer.
func (p *peer) about(kind, peer string) frame {
	p.s.Helper()
	f := p.event(kind)
	if f.str("peer") != peer {
		p.s.failf("%s got %v, want one about %s", p.name, f, peer)
	}
	return f
}

// message expects the next event to be a message with that data.
func (p *peer) message(from *peer, data string) frame {
	p.s.Helper()
	f := p.event("message")
	if f.str("from") != from.peer() || f.data() != data {
		p.s.failf("%s got %v, want %.200s from %s", p.name, f, data, from.name)
	}
	return f
}

// peer returns the id that the server gave p.
func (p *peer) peer() string { return p.joined.str("peer") }

func (p *peer) resume() string { return p.joined.str("resume") }

// request sends a request with the next id and returns the id.
func (p *peer) request(kind string, f fields) int64 {
	p.s.Helper()
	p.id++
	all := fields{"id": p.id}
	for k, v := range f {
		all[k] = v
	}
	p.write(all.text(kind))
	return p.id
}

// roundTrip sends a request and returns its reply. If that is rate_limited, it sends the
// request again, after the time in the reply.
func (p *peer) roundTrip(kind string, f fields) frame {
	p.s.Helper()
	for {
		id := p.request(kind, f)
		reply := p.reply()
		if reply.id() != id {
			p.s.failf("%s sent a request with id %d and got %v", p.name, id, reply)
		}
		if reply.str("code") != "rate_limited" {
			return reply
		}
		<-time.After(time.Duration(reply.num("after") * float64(time.Second)))
	}
}

// get sends a request whose reply must be of that type.
func (p *peer) get(want, kind string, f fields) frame {
	p.s.Helper()
	reply := p.roundTrip(kind, f)
	if reply.kind() != want {
		p.s.failf("%s sent %s and got %v, want %q", p.name, f.text(kind), reply, want)
	}
	return reply
}

// refused sends a request that must be answered with that error code.
func (p *peer) refused(code, kind string, f fields) frame {
	p.s.Helper()
	reply := p.roundTrip(kind, f)
	p.s.isError(reply, code)
	return reply
}

func (s *scene) isError(f frame, code string) {
	s.Helper()
	if f.kind() != "error" || f.str("code") != code {
		s.failf("got %v, want the error %q", f, code)
	}
}

// sendAcked sends data to another peer and expects the ack.
func (p *peer) sendAcked(to *peer, data string) int64 {
	p.s.Helper()
	ack := p.get("ack", "message", fields{"to": to.peer(), "data": raw(data)})
	if got := strings.Join(ack.to(), " "); got != to.peer() || ack.has("failed") {
		p.s.failf("%s sent to %s and got %v", p.name, to.peer(), ack)
	}
	return p.id
}

// nothingElse sends a message from one peer to another and expects it as the next event,
// so that there was no other event before.
func (s *scene) nothingElse(from, to *peer) {
	s.Helper()
	from.sendAcked(to, `"nothing else"`)
	to.message(from, `"nothing else"`)
}

// confirm confirms all events that the test has read.
func (p *peer) confirm() {
	p.s.Helper()
	p.get("pong", "ping", fields{"seq": p.seq})
}

// tryJoin sends a join for the scene's room and returns its reply.
func (p *peer) tryJoin(f fields) frame {
	p.s.Helper()
	all := fields{"room": p.s.room, "name": p.name}
	if p.s.at.token != "" {
		all["token"] = p.s.at.token
	}
	for k, v := range f {
		all[k] = v
	}
	return p.roundTrip("join", all)
}

// join joins the scene's room, which must succeed. The numbers of requests start again
// unless the seat is resumed.
func (p *peer) join(f fields) frame {
	p.s.Helper()
	before := p.id
	joined := p.tryJoin(f)
	if joined.kind() != "joined" {
		p.s.failf("%s sent a join and got %v", p.name, joined)
	}
	p.joined = joined
	p.id = 0
	if joined.truth("resumed") {
		p.id = before
	} else {
		p.seq = 0
	}
	return joined
}

// rejoin resumes p's seat on a new connection, with the number of the newest event.
func (p *peer) rejoin() frame {
	p.s.Helper()
	return p.rejoinOver(p.s.via)
}

func (p *peer) rejoinOver(via string) frame {
	p.s.Helper()
	p.connect(via)
	return p.join(fields{"resume": p.resume(), "seq": p.seq})
}

// resumed rejoins, and fails unless p got its old seat with all events that it missed.
func (p *peer) resumed() {
	p.s.Helper()
	old := p.peer()
	joined := p.rejoin()
	if joined.str("peer") != old || !joined.truth("resumed") {
		p.s.failf("%s, once %s, resumed with seq %d and got %v, want its seat and resumed:true", p.name, old, p.seq, joined)
	}
}

// closed expects the connection to end with one of these codes.
func (p *peer) closed(codes ...int) {
	p.s.Helper()
	timer := time.NewTimer(*patienceFlag)
	defer timer.Stop()
	box := p.link.inbox()
	select {
	case <-box.ended:
	case <-timer.C:
		p.s.failf("%s is still connected, want a close with %v", p.name, codes)
	}
	for _, code := range codes {
		if box.code == code {
			return
		}
	}
	p.s.failf("%s is closed with %d, want %v %s", p.name, box.code, codes, box.fault)
}

// raw returns JSON text as a value, for requests whose exact bytes do not matter.
func raw(text string) any { return jsonText(text) }

type jsonText string

// MarshalJSON implements json.Marshaler.
func (t jsonText) MarshalJSON() ([]byte, error) { return []byte(t), nil }

// fill takes all free seats of the scene's room except leave, and returns the peers. The
// test has read all their events.
func (s *scene) fill(leave int) []*peer {
	s.Helper()
	first := s.join("P1")
	capacity := int(first.joined.num("capacity"))
	s.needs(capacity > 0 && capacity <= 16, fmt.Sprintf("rooms of this server have a capacity of %d; this scene takes all seats", capacity))
	s.needs(capacity > leave, "rooms of this server have too few seats")
	all := []*peer{first}
	for len(all) < capacity-leave {
		p := s.join(fmt.Sprintf("P%d", len(all)+1))
		for _, each := range all {
			each.about("other_joined", p.peer())
		}
		all = append(all, p)
	}
	return all
}

// spanOf converts a number of seconds in a frame.
func spanOf(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// needsGrace skips the scene when this server holds seats for too long to wait
// for. It returns for how long it does, and makes p wait so much longer.
func (p *peer) needsGrace() time.Duration {
	p.s.Helper()
	grace := spanOf(p.joined.num("grace"))
	p.s.needs(grace <= 2*time.Minute, fmt.Sprintf("the grace of this server is %v; this scene waits for its end", grace))
	p.extra = grace
	return grace
}

// needsHeld skips the scene when this server holds no seats.
func (p *peer) needsHeld() {
	p.s.Helper()
	p.s.needs(p.joined.num("grace") >= 1, "this server holds a seat for less than a second")
}
