package faultmodel

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling"
)

// history is one run of a plan: the clients, the server, and the log of what all
// of them observed.
type history struct {
	t           *testing.T
	seed        uint64
	plan        *plan
	virtualTime bool // in a synctest bubble: time is virtual, and the test knows when nothing is under way
	remains     Remains
	dial        func() (net.Conn, error)

	current atomic.Pointer[serverRun]
	running sync.WaitGroup

	mu           sync.Mutex // guards the following
	started      time.Time
	settling     bool // all clients rejoin for the end
	step         int  // how many steps were made
	flooded      bool
	server       *serverRun
	log          []logged
	faults       []string
	clients      []*faultClient
	conns        []*clientConn
	incarnations []*incarnation
	messages     []*message
	names        map[string]*participant
	owners       map[string]*participant // by peer id
	polite       map[[2]string]bool      // receiver, other
}

// serverRun is one run of the server, from a start to the next restart.
type serverRun struct {
	*signaling.Server
	handler   http.Handler
	stopping  bool
	stoppedAt int // in the log
}

type logged struct {
	at   time.Duration
	who  fmt.Stringer
	what string
	text []byte
}

func (h *history) note(who fmt.Stringer, what string, text []byte) {
	h.log = append(h.log, logged{time.Since(h.started), who, what, text})
}

func (h *history) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h.faults = append(h.faults, text)
	h.note(nil, "FAULT", []byte(text))
}

var (
	padding   = regexp.MustCompile("x{5,}")
	longToken = regexp.MustCompile(`"[\w-]{40,}\.[\w-]{37}([\w-]*)"`)
	longPeer  = regexp.MustCompile(`\b(p[A-Z0-9]{4})[A-Z0-9]{16}\b`)
	iceFields = regexp.MustCompile(`,"iceServers":.*`)
)

func shorten(text []byte) []byte {
	text = padding.ReplaceAll(text, []byte("x…"))
	text = longToken.ReplaceAll(text, []byte(`"…$1"`))
	text = iceFields.ReplaceAll(text, []byte("…"))
	return longPeer.ReplaceAll(text, []byte("$1…"))
}

// story returns the log for people.
func (h *history) story() string {
	var b strings.Builder
	for _, e := range h.log {
		who := ""
		if e.who != nil {
			who = e.who.String()
		}
		fmt.Fprintf(&b, "%9.3f %-5s %-6s %.300s\n", e.at.Seconds(), who, e.what, shorten(e.text))
	}
	return b.String()
}

func newHistory(t *testing.T, p *plan, remains Remains, exact bool) *history {
	t.Helper()
	h := &history{
		t: t, seed: p.seed, plan: p, remains: remains, virtualTime: exact, started: time.Now(),
		names: make(map[string]*participant), owners: make(map[string]*participant), polite: make(map[[2]string]bool),
	}
	for i := range p.clients {
		c := &faultClient{h: h, name: string(rune('A' + i)), lastFrom: make(map[*faultClient]int), confirmEvery: 3}
		h.clients = append(h.clients, c)
	}
	return h
}

func (h *history) config() signaling.Config {
	p := h.plan
	return signaling.Config{
		Capacity: p.capacity, Ping: p.ping, Grace: p.grace,
		SessionSecrets: [][]byte{[]byte("the secret that outlives restarts")},
		Limits:         signaling.Limits{FrameBytes: 64 << 10, JoinWithin: 10 * time.Second, QueueEvents: p.queue, QueueBytes: p.queueBytes},
	}
}

func (h *history) startServer() {
	server, err := signaling.New(h.config())
	if err != nil {
		h.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", server.WebSocketHandler())
	mux.Handle("/api/", server.APIHandler())
	run := &serverRun{Server: server, handler: mux}
	h.current.Store(run)
	h.mu.Lock()
	h.server = run
	h.mu.Unlock()
}

// stopServer ends the server: in an orderly way, or after a crash that its
// clients have noticed already.
func (h *history) stopServer(orderly bool) {
	h.mu.Lock()
	h.server.stopping, h.server.stoppedAt = true, len(h.log)
	server := h.server.Server
	if !orderly {
		for _, cc := range h.conns {
			cc.damaged = true
			cc.wire.cut()
		}
	}
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := server.Close(ctx); err != nil {
		h.t.Errorf("Close: %v", err)
	}
	if !h.virtualTime { // a handshake may be under way
		return
	}
	synctest.Wait()
	for _, left := range h.remains(server) {
		h.mu.Lock()
		h.fault("after Close there is %s", left)
		h.mu.Unlock()
	}
}

func (h *history) newParticipant(c *faultClient, name string) *participant {
	who := &participant{owner: c, name: name, room: fmt.Sprintf("room-%d", int(c.name[0]-'A')%h.plan.rooms)}
	h.names[name] = who
	return who
}

func (h *history) newConn(c *faultClient) *clientConn {
	cc := &clientConn{
		h: h, client: c, n: len(h.conns), server: h.server, ordered: true,
		sends: make(map[uint64]int), replies: make(map[uint64]int),
	}
	if h.plan.events && !h.settling && cc.n%3 == 1 {
		// When its stream ends, or falls silent, is looked at elsewhere.
		cc.events, cc.ordered, cc.damaged, cc.mayHang = true, false, true, true
	}
	h.conns = append(h.conns, cc)
	return cc
}

// run dials the connection of cc and starts it.
func (h *history) run(cc *clientConn) {
	conn, err := h.dial()
	if err != nil {
		h.t.Error(err)
		return
	}
	cc.faulty = newFaultyConn(conn)
	if arm := cc.client.nextFuse; arm != nil {
		cc.client.nextFuse = nil
		cc.damaged, cc.mayHang = true, true
		arm(cc.faulty)
	}
	cc.wire = newSocketWire(cc.faulty, cc.n)
	if cc.events {
		posts, err := h.dial()
		if err != nil {
			h.t.Error(err)
			return
		}
		frames := newFaultyConn(posts)
		if cc.n%3 == 0 {
			frames.arm(cc.n%2 == 0, 200+(cc.n*977)%3000, cc.n%5 == 0)
		}
		cc.wire = newEventWire(cc.faulty, frames, cc.n)
	}
	h.note(cc, "dial", fmt.Appendf(nil, "to %s as %s, over events: %v", cc.kind, cc.participant.name, cc.events))
	h.running.Go(func() { cc.onEnded(cc.wire.run(cc)) })
}

// runStep carries out one step.
func (h *history) runStep(s step) {
	r := rand.New(rand.NewPCG(s.seed, 2))
	c := h.clients[s.client]
	h.mu.Lock()
	h.step++
	h.note(nil, "step", fmt.Appendf(nil, "%s: %s", c.name, s.op))
	h.mu.Unlock()
	switch s.op {
	case opTime:
		h.sleep(pick(r, time.Millisecond, 100*time.Millisecond, time.Second, 5*time.Second, h.plan.ping, 2*h.plan.ping, h.plan.grace+2*time.Second))
	case opRestart, opCrash:
		h.stopServer(s.op == opRestart)
		h.startServer()
	case opKick:
		h.kick(c)
	default:
		h.mu.Lock()
		h.act(s.op, c, r)
		h.mu.Unlock()
	}
}

// overflows reports whether a client may find its queue full although it reads
// as fast as it can.
func (h *history) overflows() bool {
	return h.flooded || h.plan.queue < 256 || h.plan.queueBytes < 1<<20 || len(h.messages) > 150
}

func (h *history) sleep(d time.Duration) {
	if !h.virtualTime {
		d = min(d, 20*time.Millisecond)
	}
	<-time.After(d)
}

func (h *history) kick(c *faultClient) {
	h.mu.Lock()
	who, server := c.participant, h.server.Server
	if who == nil || who.incarnation == nil || who.incarnation.server != h.server {
		h.mu.Unlock()
		return
	}
	peer := who.incarnation.peer
	was := who.kicked
	who.kicked = true
	for _, other := range h.names {
		if other != who && other.room == who.room {
			other.roommateKicked = true
		}
	}
	h.mu.Unlock()
	if _, err := server.Kick(peer, 0); err != nil { // it was not there any more
		h.mu.Lock()
		who.kicked = was
		h.mu.Unlock()
	}
}

// act carries out an action of one client.
func (h *history) act(o op, c *faultClient, r *rand.Rand) {
	live := c.participant != nil && c.participant.incarnation != nil && c.participant.incarnation.ended == "" && !c.participant.leaving
	switch o {
	case opRejoin, opMessage, opFlood, opRequest, opConfirm, opLeave:
		if !live || o == opRejoin && !c.conn.isSeated() || !c.conn.isSeated() && r.IntN(2) == 0 {
			if c.conn == nil || c.conn.ended || c.conn.joinAnswered || c.conn.damaged {
				c.rejoin(joinResume, r)
			}
			return
		}
		h.request(o, c, r)
	case opTakeOver:
		c.rejoin(joinResume, r)
	case opOldSeq:
		c.rejoin(joinOldSeq, r)
	case opFutureSeq:
		c.rejoin(joinFutureSeq, r)
	case opReload:
		c.rejoin(joinReplace, r)
	case opAgain:
		c.rejoin(joinNonce, r)
	case opForget:
		c.rejoin(joinPlain, r)
	case opCutAll:
		for _, each := range h.clients {
			h.damageConn(opCut, each, r)
		}
	case opCut, opCutLater, opBlackhole, opPause, opContinue:
		h.damageConn(o, c, r)
	case opConfirmRate:
		c.confirmEvery = pick(r, 0, 1, 1, 3, 8, 32)
	case opRepeat, opUseOldConn, opGarbage:
		h.misbehave(o, c, r)
	default: // runStep did it
	}
}

// request makes the client send something to its room or to the server.
func (h *history) request(o op, c *faultClient, r *rand.Rand) {
	to := func() string { // mostly all; sometimes oneself, or who is not there any more
		var peers []string
		for _, f := range h.incarnations {
			if f.participant.room == c.participant.room {
				peers = append(peers, f.peer)
			}
		}
		for _, peer := range slices.SortedFunc(maps.Keys(c.participant.incarnation.peers), func(a, b string) int {
			return strings.Compare(c.participant.incarnation.peers[a].name, c.participant.incarnation.peers[b].name)
		}) {
			peers = append(peers, peer, peer, peer, peer)
		}
		return pick(r, append(peers, "")...)
	}
	switch o {
	case opMessage:
		for range pick(r, 1, 1, 1, 2, 5, 20) {
			c.message(pick(r, "", to()), r.IntN(8) > 0, pick(r, 0, 0, 100, 2000))
		}
	case opFlood:
		h.flooded = true
		receiver := pick(r, "", to())
		for range 40 {
			c.message(receiver, r.IntN(8) > 0, pick(r, 100, 20_000))
		}
	case opRequest:
		switch r.IntN(3) {
		case 0:
			c.submit(c.request("ice", true, ""))
		case 1:
			c.submit(c.request("report", true, `,"event":"test"`))
		case 2:
			inc := c.participant.incarnation
			q := c.request("ping", true, fmt.Sprintf(`,"seq":%d`, inc.seq()))
			q.confirms = inc.seq()
			inc.maybeConfirmed = max(inc.maybeConfirmed, q.confirms)
			c.submit(q)
		}
	case opConfirm:
		c.confirm()
	case opLeave:
		c.participant.leaving = true
		c.submit(c.request("leave", true, ""))
	default: // no request
	}
}

// damageConn damages the client's connection.
func (h *history) damageConn(o op, c *faultClient, r *rand.Rand) {
	down, after, blackhole := r.IntN(2) == 0, r.IntN(pick(r, 20, 300, 3000)), r.IntN(5) == 0
	cc := c.conn
	if cc == nil || cc.ended {
		if o == opCutLater { // the next one will not last
			c.nextFuse = func(conn *faultyConn) { conn.arm(down, after, blackhole) }
		}
		return
	}
	cc.damaged = cc.damaged || o != opContinue
	cc.mayHang = cc.mayHang || o == opBlackhole || o == opPause || blackhole
	switch o {
	case opCut:
		cc.wire.cut()
	case opCutLater:
		cc.faulty.arm(down, after, blackhole)
	case opBlackhole:
		cc.faulty.blackhole()
	case opPause:
		cc.faulty.pause(true)
	case opContinue:
		cc.faulty.pause(false)
	default: // no harm
	}
}

// misbehave does what a client need not do, or must not.
func (h *history) misbehave(o op, c *faultClient, r *rand.Rand) {
	if !c.conn.isSeated() || c.participant.leaving {
		return
	}
	f := c.participant.incarnation
	switch o {
	case opRepeat:
		if f.lastID == 0 {
			return
		}
		q := f.requests[1+r.Uint64N(f.lastID)]
		if q.sent > 0 && q.kind != "leave" {
			c.conn.sendRequest(q)
		}
	case opUseOldConn:
		for _, cc := range c.oldConns {
			if cc.ended || cc.incarnation != f || cc.server != c.conn.server {
				continue
			}
			m := &message{uid: len(h.messages), sender: f, onOldConn: true, got: make(map[string]int)}
			m.request = &request{incarnation: f, message: m}
			h.messages = append(h.messages, m)
			cc.send(fmt.Appendf(nil, `{"type":"message","id":%d,"data":{"uid":%d}}`, f.lastID+1+r.Uint64N(3), m.uid))
			return
		}
	case opGarbage:
		if c.conn.garbageSent < 3 {
			c.conn.garbage++
			c.conn.garbageSent++
			c.conn.send([]byte(pick(r, `{"type":"message","type":"leave"}`, `nonsense`, `[]`)))
		}
	default: // no misbehaviour
	}
}

// handle passes a request to the current server, and records which one that is.
func (h *history) handle(w http.ResponseWriter, r *http.Request) {
	run := h.current.Load()
	if n, err := strconv.Atoi(r.URL.Query().Get("conn")); err == nil {
		h.mu.Lock()
		h.conns[n].server = run
		h.mu.Unlock()
	}
	run.handler.ServeHTTP(w, r)
}

func (h *history) serve(listener net.Listener) (stop func()) {
	web := &http.Server{
		Handler:           http.HandlerFunc(h.handle),
		ReadHeaderTimeout: time.Minute,
	}
	h.running.Go(func() { _ = web.Serve(listener) })
	return func() { _ = web.Close() }
}

// play runs the plan from beginning to end.
func (h *history) play(listener net.Listener) {
	stop := h.serve(listener)
	h.startServer()
	var before seats // as they were when all was quiet; nil = it was not
	for _, s := range h.plan.steps {
		h.runStep(s)
		if before = h.afterStep(s, before); h.failed() {
			break
		}
	}
	h.settle()
	h.stopServer(false)
	stop()
	h.running.Wait()
}

func (h *history) failed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.faults) > 0
}
