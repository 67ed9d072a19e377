package signaling

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"callbox/signaling/protocol"
)

func TestBucket(t *testing.T) {
	now := time.Hour
	r := newRate(10, 3)
	var b bucket
	for i, step := range []struct {
		at, wait time.Duration
	}{
		{0, 0},
		{0, 0},
		{0, 0},
		{0, 100 * time.Millisecond},
		{50 * time.Millisecond, 50 * time.Millisecond},
		{100 * time.Millisecond, 0},
		{100 * time.Millisecond, 100 * time.Millisecond},
		{time.Hour, 0}, // no more than the burst is saved up
		{time.Hour, 0},
		{time.Hour, 0},
		{time.Hour, 100 * time.Millisecond},
	} {
		if wait := b.charge(r, now+step.at); wait != step.wait {
			t.Errorf("step %d: wait %v, want %v", i, wait, step.wait)
		}
	}
	if b.isFull(now+time.Hour) || !b.isFull(now+2*time.Hour) {
		t.Error("full is wrong")
	}
}

func TestAddressesForget(t *testing.T) {
	now := time.Hour
	table := newAddresses(2, newRate(1, 1))
	addr := netip.MustParseAddr("192.0.2.1")
	for i, want := range []bool{true, true, false} {
		if got := table.addConnection(addr); got != want {
			t.Errorf("connection %d: %v, want %v", i, got, want)
		}
	}
	if table.addJoin(addr, now) != 0 || table.addJoin(addr, now) != time.Second {
		t.Error("want one join and no second")
	}
	table.removeConnection(addr, now)
	table.removeConnection(addr, now)
	table.sweep(now)
	if len(table.table) != 1 {
		t.Error("an address with a join to count was forgotten")
	}
	table.sweep(now + time.Second)
	if len(table.table) != 0 {
		t.Error("an address with nothing to count was kept")
	}
	table.addConnection(addr)
	table.removeConnection(addr, now)
	if len(table.table) != 0 {
		t.Error("an address without connections was kept")
	}
}

func TestAddressesAreBounded(t *testing.T) {
	now := time.Hour
	table := newAddresses(1, newRate(1, 1))
	held := netip.MustParseAddr("192.0.2.1")
	table.addConnection(held)
	for i := range maxAddresses + 1000 {
		var a [16]byte
		binary.BigEndian.PutUint64(a[:], 0x2001_0db8_0000_0000+uint64(i))
		table.addJoin(netip.AddrFrom16(a), now)
	}
	if n := len(table.table); n > maxAddresses {
		t.Errorf("%d addresses are kept, want at most %d", n, maxAddresses)
	}
	if table.addConnection(held) {
		t.Error("an address with a connection was forgotten")
	}
}

func TestQueueBounds(t *testing.T) {
	var q queue
	n := 0
	for q.push(outgoing{payload: []byte("reply")}) {
		n++
	}
	if n != maxQueuedReplies {
		t.Errorf("%d replies fit, want %d", n, maxQueuedReplies)
	}
	for seq := range uint64(3) {
		if !q.push(outgoing{payload: make([]byte, 10), seq: seq + 1, message: true}) || !q.push(outgoing{ping: true}) {
			t.Error("an event or a ping does not fit beside the replies")
		}
	}
	for i := range n + 6 {
		if q.unsent != 3 || q.unsentBytes != 30 {
			t.Fatalf("before frame %d is sent: %d messages, %d bytes unsent", i, q.unsent, q.unsentBytes)
		}
		if _, ok := q.pop(); !ok {
			t.Fatalf("frame %d of %d is missing", i, n+6)
		}
	}
	q.clearInFlight()
	if _, ok := q.pop(); ok || q.replies != 0 || q.pings != 0 || q.unsent != 0 || q.unsentBytes != 0 {
		t.Errorf("the empty queue is %+v", q)
	}
	q.push(outgoing{ping: true})
	if q.trim(); q.frames == nil {
		t.Error("a ping was trimmed away")
	}
	q.pop()
	if q.trim(); q.frames != nil {
		t.Error("an empty queue holds memory")
	}
}

func TestQueueDropsEvents(t *testing.T) {
	var q queue
	q.push(outgoing{payload: []byte("in flight"), seq: 1, message: true})
	q.pop()
	q.push(outgoing{payload: []byte("event"), seq: 2, message: true})
	q.push(outgoing{payload: []byte("reply")})
	q.push(outgoing{payload: []byte("event"), seq: 3})
	q.replacePayload(3, []byte("other"))
	if q.frames[len(q.frames)-1].payload[0] != 'o' {
		t.Error("the event was not replaced")
	}
	q.dropEvents()
	if q.unsent != 1 {
		t.Errorf("%d messages are not sent, want the one in flight", q.unsent)
	}
	if o, ok := q.pop(); !ok || string(o.payload) != "reply" {
		t.Errorf("left is %+v", o)
	}
	if _, ok := q.pop(); ok {
		t.Error("there is more than the reply")
	}
}

// TestCloseCodesAreCounted checks that every code that a server uses is counted
// under its own number, and codes of clients under 0.
func TestCloseCodesAreCounted(t *testing.T) {
	server := &Server{rooms: newRooms(&Server{})}
	for _, code := range append(protocol.CloseCodes(), closeProtocolError, closeInvalidPayload, closeAbnormal) {
		server.counters.closed(code)
		if n := server.Snapshot().Closed[code]; n != 1 {
			t.Errorf("the close code %d was counted %d times, want once", code, n)
		}
	}
	server.counters.closed(4000)
	if n := server.Snapshot().Closed[0]; n != 1 {
		t.Errorf("%d closes with other codes were counted, want 1", n)
	}
}

// TestUnknownRequestIsAnswered executes a request that execute has no case for.
func TestUnknownRequestIsAnswered(t *testing.T) {
	server := &Server{started: time.Now(), memory: unbounded{}}
	s := &session{shard: &shard{server: server}}
	c := &connection{server: server, transport: idleTransport{}}
	if !s.attach(c) {
		t.Fatal("no connection")
	}
	s.execute(1, protocol.Seen{Seq: 1}, protocol.ICEReply{}, new(effects))
	o, _ := c.queue.pop()
	f, err := protocol.DecodeServerFrame(o.payload)
	if fault, ok := f.(protocol.Error); err != nil || !ok || fault.ID != 1 || fault.Code != protocol.CodeInternal {
		t.Errorf("the reply is %s", o.payload)
	}
}

// Connections count from their admission on: many that come at once are no more
// than may be.
func TestAdmissionsCountAtOnce(t *testing.T) {
	config := Config{Limits: DefaultLimits()}
	config.Limits.AllConnections = 4
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr("192.0.2.1")
	var granted []admission
	for range 100 {
		if adm, fault := s.admitConnection(addr); fault == nil {
			granted = append(granted, adm)
		}
	}
	ordinary := 0
	for _, adm := range granted {
		if !adm.reserved {
			ordinary++
		}
		s.releaseConnection(adm.addr)
	}
	if ordinary != 4 || len(granted) != 4+reservedConnections || s.admitted != 0 {
		t.Errorf("%d connections are admitted, %d of them not reserved, and %d are left", len(granted), ordinary, s.admitted)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Two newcomers at once take the places of two connections, even while neither is
// closed yet.
func TestNewcomersTakeDifferentPlaces(t *testing.T) {
	config := Config{Limits: DefaultLimits()}
	config.Limits.AllConnections = aloneAllowed + 3
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	crowd := netip.MustParseAddr("192.0.2.1")
	for i := range config.Limits.AllConnections {
		s.connections[&connection{server: s, number: uint64(i), transport: idleTransport{}, addr: crowd}] = struct{}{}
		s.admitted++
	}
	_, _, first := s.decide(netip.MustParseAddr("192.0.2.2"), nil)
	_, _, second := s.decide(netip.MustParseAddr("192.0.2.3"), nil)
	if first == nil || second == nil || first == second {
		t.Errorf("the victims are %p and %p, want two", first, second)
	}
	clear(s.connections)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
