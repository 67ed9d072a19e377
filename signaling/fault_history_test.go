package signaling_test

import (
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

// history is one run of a plan: the clients, the server, and the record of
// what everybody saw.
type history struct {
	t     *testing.T
	seed  uint64
	plan  *plan
	exact bool // in a synctest bubble: time is exact, and one knows when all is quiet
	dial  func() (net.Conn, error)

	current atomic.Pointer[serverRun]
	running sync.WaitGroup

	mu       sync.Mutex // guards the following
	started  time.Time
	settling bool // everybody comes back for the end
	step     int  // how many steps were made
	flooded  bool
	server   *serverRun
	log      []logged
	faults   []string
	clients  []*faultClient
	lines    []*line
	lives    []*life
	messages []*message
	names    map[string]*identity
	owners   map[string]*identity // by peer id
	polite   map[[2]string]bool   // reader, other
}

// serverRun is one life of the server.
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

// story is the log for people.
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

func newHistory(t *testing.T, p *plan, exact bool) *history {
	t.Helper()
	h := &history{
		t: t, seed: p.seed, plan: p, exact: exact, started: time.Now(),
		names: make(map[string]*identity), owners: make(map[string]*identity), polite: make(map[[2]string]bool),
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
	run := &serverRun{Server: server, handler: handler(server)}
	h.current.Store(run)
	h.mu.Lock()
	h.server = run
	h.mu.Unlock()
}

// stopServer ends the server: in an orderly way, or after a crash that its
// clients saw already.
func (h *history) stopServer(orderly bool) {
	h.mu.Lock()
	h.server.stopping, h.server.stoppedAt = true, len(h.log)
	server := h.server.Server
	if !orderly {
		for _, l := range h.lines {
			l.damaged = true
			l.wire.cut()
		}
	}
	h.mu.Unlock()
	closeServer(h.t, server)
	if !h.exact { // a handshake may be under way
		return
	}
	synctest.Wait()
	for _, left := range server.Remains() {
		h.mu.Lock()
		h.fault("after Close there is %s", left)
		h.mu.Unlock()
	}
}

func (h *history) newIdentity(c *faultClient, name string) *identity {
	who := &identity{owner: c, name: name, room: fmt.Sprintf("room-%d", int(c.name[0]-'A')%h.plan.rooms)}
	h.names[name] = who
	return who
}

func (h *history) newLine(c *faultClient) *line {
	l := &line{
		h: h, client: c, n: len(h.lines), server: h.server, ordered: true,
		sends: make(map[uint64]int), replies: make(map[uint64]int),
	}
	if h.plan.events && !h.settling && l.n%3 == 1 {
		// When its stream ends, or falls silent, is looked at elsewhere.
		l.events, l.ordered, l.damaged, l.stuck = true, false, true, true
	}
	h.lines = append(h.lines, l)
	return l
}

// run gives l its connection and lets it live.
func (h *history) run(l *line) {
	conn, err := h.dial()
	if err != nil {
		h.t.Error(err)
		return
	}
	l.conn = newFaultyConn(conn)
	if arm := l.client.fuse; arm != nil {
		l.client.fuse = nil
		l.damaged, l.stuck = true, true
		arm(l.conn)
	}
	l.wire = newSocketWire(l.conn, l.n)
	if l.events {
		posts, err := h.dial()
		if err != nil {
			h.t.Error(err)
			return
		}
		frames := newFaultyConn(posts)
		if l.n%3 == 0 {
			frames.arm(l.n%2 == 0, 200+(l.n*977)%3000, l.n%5 == 0)
		}
		l.wire = newEventWire(l.conn, frames, l.n)
	}
	h.note(l, "dial", fmt.Appendf(nil, "to %s as %s, over events: %v", l.kind, l.who.name, l.events))
	h.running.Go(func() { l.ended(l.wire.run(l)) })
}

// happen carries out one step.
func (h *history) happen(s step) {
	r := rand.New(rand.NewPCG(s.seed, 2))
	c := h.clients[s.client]
	h.mu.Lock()
	h.step++
	h.note(nil, "step", fmt.Appendf(nil, "%s: %s", c.name, s.op))
	h.mu.Unlock()
	switch s.op {
	case opTime:
		h.pass(pick(r, time.Millisecond, 100*time.Millisecond, time.Second, 5*time.Second, h.plan.ping, 2*h.plan.ping, h.plan.grace+2*time.Second))
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

// overflows tells whether a reader may find its queue full though it reads as
// fast as it can.
func (h *history) overflows() bool {
	return h.flooded || h.plan.queue < 256 || h.plan.queueBytes < 1<<20 || len(h.messages) > 150
}

func (h *history) pass(d time.Duration) {
	if !h.exact {
		d = min(d, 20*time.Millisecond)
	}
	<-time.After(d)
}

func (h *history) kick(c *faultClient) {
	h.mu.Lock()
	who, server := c.who, h.server.Server
	if who == nil || who.life == nil || who.life.server != h.server {
		h.mu.Unlock()
		return
	}
	peer := who.life.peer
	was := who.kicked
	who.kicked = true
	for _, other := range h.names {
		if other != who && other.room == who.room {
			other.bereft = true
		}
	}
	h.mu.Unlock()
	if put(server.Kick(peer, 0)) != nil { // it was not there any more
		h.mu.Lock()
		who.kicked = was
		h.mu.Unlock()
	}
}

// act carries out what one client does.
func (h *history) act(o op, c *faultClient, r *rand.Rand) {
	live := c.who != nil && c.who.life != nil && c.who.life.ended == "" && !c.who.leaving
	switch o {
	case opCome, opMessage, opFlood, opRequest, opConfirm, opLeave:
		if !live || o == opCome && !c.line.seated() || !c.line.seated() && r.IntN(2) == 0 {
			if c.line == nil || c.line.over || c.line.answered || c.line.damaged {
				c.comeBack(joinResume, r)
			}
			return
		}
		h.request(o, c, r)
	case opTakeOver:
		c.comeBack(joinResume, r)
	case opLate:
		c.comeBack(joinLate, r)
	case opWrong:
		c.comeBack(joinWrong, r)
	case opReload:
		c.comeBack(joinReplace, r)
	case opAgain:
		c.comeBack(joinNonce, r)
	case opAfresh:
		c.comeBack(joinPlain, r)
	case opCutAll:
		for _, each := range h.clients {
			h.harm(opCut, each, r)
		}
	case opCut, opFuse, opHole, opPause, opContinue:
		h.harm(o, c, r)
	case opHabit:
		c.confirmEvery = pick(r, 0, 1, 1, 3, 8, 32)
	case opRepeat, opRogue, opGarbage:
		h.misbehave(o, c, r)
	default: // happen did it
	}
}

// request makes the client say something to its room or the server.
func (h *history) request(o op, c *faultClient, r *rand.Rand) {
	to := func() string { // mostly all; sometimes oneself, or who is not there any more
		var peers []string
		for _, f := range h.lives {
			if f.who.room == c.who.room {
				peers = append(peers, f.peer)
			}
		}
		for _, peer := range slices.SortedFunc(maps.Keys(c.who.life.view), func(a, b string) int {
			return strings.Compare(c.who.life.view[a].name, c.who.life.view[b].name)
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
			life := c.who.life
			q := c.request("ping", true, fmt.Sprintf(`,"seq":%d`, life.seq()))
			q.seen = life.seq()
			life.claimed = max(life.claimed, q.seen)
			c.submit(q)
		}
	case opConfirm:
		c.confirm()
	case opLeave:
		c.who.leaving = true
		c.submit(c.request("leave", true, ""))
	default: // no request
	}
}

// harm does something to the client's connection.
func (h *history) harm(o op, c *faultClient, r *rand.Rand) {
	down, after, hole := r.IntN(2) == 0, r.IntN(pick(r, 20, 300, 3000)), r.IntN(5) == 0
	l := c.line
	if l == nil || l.over {
		if o == opFuse { // the next one will not last
			c.fuse = func(conn *faultyConn) { conn.arm(down, after, hole) }
		}
		return
	}
	l.damaged = l.damaged || o != opContinue
	l.stuck = l.stuck || o == opHole || o == opPause || hole
	switch o {
	case opCut:
		l.wire.cut()
	case opFuse:
		l.conn.arm(down, after, hole)
	case opHole:
		l.conn.swallow()
	case opPause:
		l.conn.pause(true)
	case opContinue:
		l.conn.pause(false)
	default: // no harm
	}
}

// misbehave does what a client need not do, or must not.
func (h *history) misbehave(o op, c *faultClient, r *rand.Rand) {
	if !c.line.seated() || c.who.leaving {
		return
	}
	f := c.who.life
	switch o {
	case opRepeat:
		if f.lastID == 0 {
			return
		}
		q := f.requests[1+r.Uint64N(f.lastID)]
		if q.sent > 0 && q.kind != "leave" {
			c.line.sendRequest(q)
		}
	case opRogue:
		for _, l := range c.old {
			if l.over || l.life != f || l.server != c.line.server {
				continue
			}
			m := &message{uid: len(h.messages), life: f, rogue: true, got: make(map[string]int)}
			m.request = &request{life: f, message: m}
			h.messages = append(h.messages, m)
			l.send(fmt.Appendf(nil, `{"type":"message","id":%d,"data":{"uid":%d}}`, f.lastID+1+r.Uint64N(3), m.uid))
			return
		}
	case opGarbage:
		if c.line.garbageSent < 3 {
			c.line.garbage++
			c.line.garbageSent++
			c.line.send([]byte(pick(r, `{"type":"message","type":"leave"}`, `nonsense`, `[]`)))
		}
	default: // no misbehaviour
	}
}

// handle gives a request to the server of now, and notes which one that is.
func (h *history) handle(w http.ResponseWriter, r *http.Request) {
	run := h.current.Load()
	if n, err := strconv.Atoi(r.URL.Query().Get("line")); err == nil {
		h.mu.Lock()
		h.lines[n].server = run
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
		h.happen(s)
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
