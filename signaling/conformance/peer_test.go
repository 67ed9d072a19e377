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
	// cut breaks the connection without a word.
	cut()
}

// peer is a client that does what the test says, and checks what no server may
// do: it holds frames to the schema, and events to their numbering.
type peer struct {
	s      *scene
	name   string
	link   link
	joined frame         // the newest
	id     int64         // of the newest request
	seq    int64         // of the newest event
	extra  time.Duration // to wait, beyond the usual patience
}

// dial connects a peer that has not joined.
func (s *scene) dial(name string) *peer {
	s.Helper()
	p := &peer{s: s, name: name}
	p.connect(s.via)
	return p
}

// join connects a peer and takes a seat in the scene's room.
func (s *scene) join(name string) *peer {
	s.Helper()
	p := s.dial(name)
	p.enter(nil)
	return p
}

// pair returns two peers that know each other, whose events are all read.
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

// socket opens a plain WebSocket that is read.
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

// write sends a frame as it is.
func (p *peer) write(text string) {
	p.s.Helper()
	if err := p.link.send(text); err != nil {
		p.s.failf("%s sends %.200s: %v%s", p.name, text, err, p.ending())
	}
}

// ending tells how the connection ended, when it has.
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

// next takes the next frame out of one of the inbox's queues. ok is false when
// none comes.
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
		p.s.failf("%s waits for a reply and sees none%s", p.name, p.ending())
	}
	return f
}

// replyOf returns the next reply, which must be of that type and to that request.
func (p *peer) replyOf(kind string, id int64) frame {
	p.s.Helper()
	f := p.reply()
	if f.kind() != kind || f.id() != id {
		p.s.failf("%s sees %v, want %q with the id %d", p.name, f, kind, id)
	}
	return f
}

// event returns the next event, which must be of that type and have the next number.
func (p *peer) event(kind string) frame {
	p.s.Helper()
	f, ok := p.next(p.link.inbox().events)
	if !ok {
		p.s.failf("%s waits for the event %q and sees none%s", p.name, kind, p.ending())
	}
	if f.kind() != kind {
		p.s.failf("%s sees the event %v, want %q", p.name, f, kind)
	}
	if f.seq() != p.seq+1 {
		p.s.failf("%s sees %v after seq %d: seq grows by one, without gaps", p.name, f, p.seq)
	}
	p.seq = f.seq()
	return f
}

// about returns the next event, which must be of that type and about that peer.
func (p *peer) about(kind, peer string) frame {
	p.s.Helper()
	f := p.event(kind)
	if f.str("peer") != peer {
		p.s.failf("%s sees %v, want one about %s", p.name, f, peer)
	}
	return f
}

// message expects the next event to be a message with that data.
func (p *peer) message(from *peer, data string) frame {
	p.s.Helper()
	f := p.event("message")
	if f.str("from") != from.peer() || f.data() != data {
		p.s.failf("%s sees %v, want %.200s from %s", p.name, f, data, from.name)
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

// ask sends a request and returns its reply. One that comes too early is sent
// once more, as the reply says.
func (p *peer) ask(kind string, f fields) frame {
	p.s.Helper()
	for {
		id := p.request(kind, f)
		reply := p.reply()
		if reply.id() != id {
			p.s.failf("%s asks with id %d and sees %v", p.name, id, reply)
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
	reply := p.ask(kind, f)
	if reply.kind() != want {
		p.s.failf("%s asks %s and sees %v, want %q", p.name, f.text(kind), reply, want)
	}
	return reply
}

// refused sends a request that must be answered with that error code.
func (p *peer) refused(code, kind string, f fields) frame {
	p.s.Helper()
	reply := p.ask(kind, f)
	p.s.isError(reply, code)
	return reply
}

func (s *scene) isError(f frame, code string) {
	s.Helper()
	if f.kind() != "error" || f.str("code") != code {
		s.failf("saw %v, want the error %q", f, code)
	}
}

// tell sends data to another peer and expects the ack.
func (p *peer) tell(to *peer, data string) int64 {
	p.s.Helper()
	ack := p.get("ack", "message", fields{"to": to.peer(), "data": raw(data)})
	if got := strings.Join(ack.to(), " "); got != to.peer() || ack.has("failed") {
		p.s.failf("%s sends to %s and sees %v", p.name, to.peer(), ack)
	}
	return p.id
}

// marker sends something from one peer to another and expects it as the very
// next event: nothing else came before.
func (s *scene) marker(from, to *peer) {
	s.Helper()
	from.tell(to, `"nothing else"`)
	to.message(from, `"nothing else"`)
}

// confirm tells the server that p has seen all that the test has read.
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
	return p.ask("join", all)
}

// enter joins, which must succeed. The numbering of requests begins anew
// unless the seat is resumed.
func (p *peer) enter(f fields) frame {
	p.s.Helper()
	before := p.id
	joined := p.tryJoin(f)
	if joined.kind() != "joined" {
		p.s.failf("%s joins and sees %v", p.name, joined)
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

// comeBack resumes p's seat on a new connection, with what p has seen.
func (p *peer) comeBack() frame {
	p.s.Helper()
	return p.comeBackBy(p.s.via)
}

func (p *peer) comeBackBy(via string) frame {
	p.s.Helper()
	p.connect(via)
	return p.enter(fields{"resume": p.resume(), "seq": p.seq})
}

// resumed fails unless p got its old seat back with all that it missed.
func (p *peer) resumed() {
	p.s.Helper()
	old := p.peer()
	joined := p.comeBack()
	if joined.str("peer") != old || !joined.truth("resumed") {
		p.s.failf("%s, once %s, comes back with seq %d and sees %v, want its seat with resumed true", p.name, old, p.seq, joined)
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

// raw is JSON text as data, for requests whose bytes do not matter.
func raw(text string) any { return jsonText(text) }

type jsonText string

// MarshalJSON implements json.Marshaler.
func (t jsonText) MarshalJSON() ([]byte, error) { return []byte(t), nil }

// fill takes the free seats of the scene's room but leave, and returns the
// peers, all of whose events are read.
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
