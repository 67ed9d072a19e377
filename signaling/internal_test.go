package signaling

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	now := time.Now()
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
		if wait := b.take(r, now.Add(step.at)); wait != step.wait {
			t.Errorf("step %d: wait %v, want %v", i, wait, step.wait)
		}
	}
	if b.full(now.Add(time.Hour)) || !b.full(now.Add(2*time.Hour)) {
		t.Error("full is wrong")
	}
}

func TestPrefixOf(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1/32",
		"::ffff:192.0.2.1":   "192.0.2.1/32",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::/64",
		"fe80::1%eth0":       "fe80::/64",
		"2001:db8:1:2::ffff": "2001:db8:1:2::/64",
	} {
		if got := prefixOf(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("prefixOf(%s) = %v, want %s", addr, got, want)
		}
	}
	if got := prefixOf(netip.Addr{}); got.IsValid() {
		t.Errorf("prefixOf(invalid) = %v", got)
	}
}

func TestAddressesForget(t *testing.T) {
	now := time.Now()
	table := newAddresses(2, newRate(1, 1))
	addr := netip.MustParseAddr("192.0.2.1")
	for i, want := range []bool{true, true, false} {
		if got := table.connect(addr); got != want {
			t.Errorf("connection %d: %v, want %v", i, got, want)
		}
	}
	if table.join(addr, now) != 0 || table.join(addr, now) != time.Second {
		t.Error("want one join and no second")
	}
	table.disconnect(addr, now)
	table.disconnect(addr, now)
	table.sweep(now)
	if len(table.table) != 1 {
		t.Error("an address with a join to count was forgotten")
	}
	table.sweep(now.Add(time.Second))
	if len(table.table) != 0 {
		t.Error("an address with nothing to count was kept")
	}
	table.connect(addr)
	table.disconnect(addr, now)
	if len(table.table) != 0 {
		t.Error("an address without connections was kept")
	}
}

func TestAddressesAreBounded(t *testing.T) {
	now := time.Now()
	table := newAddresses(1, newRate(1, 1))
	held := netip.MustParseAddr("192.0.2.1")
	table.connect(held)
	for i := range maxAddresses + 1000 {
		var a [16]byte
		binary.BigEndian.PutUint64(a[:], 0x2001_0db8_0000_0000+uint64(i))
		table.join(netip.AddrFrom16(a), now)
	}
	if n := len(table.table); n > maxAddresses {
		t.Errorf("%d addresses are kept, want at most %d", n, maxAddresses)
	}
	if table.connect(held) {
		t.Error("an address with a connection was forgotten")
	}
}

func TestQueueBounds(t *testing.T) {
	limits := &Limits{QueueEvents: 4, QueueBytes: 100}
	var q queue
	fill := func(k kind, size int) (n int) {
		for q.push(limits, k, make([]byte, size)) {
			n++
		}
		return n
	}
	if n := fill(kindMessage, 1); n != 4 {
		t.Errorf("%d small messages fit, want 4", n)
	}
	if n := fill(kindEvent, 1000); n != eventPlaces {
		t.Errorf("%d events fit beside them, want %d", n, eventPlaces)
	}
	if n := fill(kindReply, 1000); n != replyPlaces {
		t.Errorf("%d replies fit beside them, want %d", n, replyPlaces)
	}
	total := 4 + eventPlaces + replyPlaces
	for i := range total {
		if _, ok := q.pop(); !ok {
			t.Fatalf("frame %d of %d is missing", i, total)
		}
	}
	if _, ok := q.pop(); ok || q.replies != 0 || q.events != 0 || q.bytes != 0 || q.frames != nil {
		t.Errorf("the empty queue is %+v", q)
	}
	if n := fill(kindMessage, 30); n != 3 {
		t.Errorf("%d messages of 30 bytes fit, want 3", n)
	}
}

func TestPromises(t *testing.T) {
	a, b := new(seat), new(seat)
	var p promises
	for i, from := range []*seat{a, b, a, a} {
		p.add(delivery{seq: uint64(i + 1), from: from, id: uint64(10 + i)})
	}
	p.confirm(1)
	open := p.undelivered()
	if len(open[a]) != 2 || open[a][0] != 12 || open[a][1] != 13 || len(open[b]) != 1 || open[b][0] != 11 {
		t.Errorf("undelivered = %v", open)
	}
	p.confirm(1)
	p.confirm(4)
	if p.undelivered() != nil || p.open != nil {
		t.Errorf("undelivered = %v after all is confirmed", p.open)
	}
	for range maxUnconfirmed {
		if p.full() {
			t.Fatal("full too early")
		}
		p.add(delivery{})
	}
	if !p.full() {
		t.Error("not full")
	}
}
