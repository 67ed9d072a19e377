package datapath

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"callbox/turnserver/wire"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	message := func(m wire.Method, c wire.Class) []byte {
		b := wire.Build(nil, wire.NewType(m, c), wire.TransactionID{})
		return b.Bytes()
	}
	for name, test := range map[string]struct {
		p    []byte
		want kind
	}{
		"channel data":       {[]byte{0x40, 0, 0, 0}, kindChannel},
		"last channel":       {[]byte{0x7f, 0xff, 0, 9}, kindChannel},
		"send indication":    {message(wire.Send, wire.Indication), kindSend},
		"binding request":    {message(wire.Binding, wire.Request), kindBinding},
		"allocate":           {message(wire.Allocate, wire.Request), kindControl},
		"refresh":            {message(wire.Refresh, wire.Request), kindControl},
		"create permission":  {message(wire.CreatePermission, wire.Request), kindControl},
		"channel bind":       {message(wire.ChannelBind, wire.Request), kindControl},
		"send request":       {message(wire.Send, wire.Request), kindControl},
		"data indication":    {message(wire.Data, wire.Indication), kindNoise},
		"binding indication": {message(wire.Binding, wire.Indication), kindNoise},
		"success":            {message(wire.Binding, wire.Success), kindNoise},
		"error":              {message(wire.Allocate, wire.Error), kindNoise},
		"nothing":            {nil, kindNoise},
		"no cookie":          {make([]byte, 20), kindNoise},
		"tls":                {[]byte{0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5}, kindNoise},
		"rtp":                {bytes.Repeat([]byte{0x80}, 40), kindNoise},
	} {
		if got := classify(test.p); got != test.want {
			t.Errorf("%s: kind %d, want %d", name, got, test.want)
		}
	}
}

func TestBatchClass(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{1: 0, 2: 1, 3: 2, 4: 2, 5: 3, 8: 3, 9: 4, 32: 5, 33: 6, 64: 6, 65: 7, 1000: 7} {
		if got := batchClass(n); got != want {
			t.Errorf("%d datagrams: class %d, want %d", n, got, want)
		}
	}
}

func TestDropNames(t *testing.T) {
	t.Parallel()
	seen := map[string]Drop{}
	for cause := range drops {
		name := cause.String()
		if other, ok := seen[name]; ok || name == "unknown" {
			t.Errorf("%d and %d are both %q", other, cause, name)
		}
		seen[name] = cause
	}
}

func TestJoined(t *testing.T) {
	t.Parallel()
	memory := []byte("headbodytail")
	for _, test := range []struct {
		name       string
		head, body []byte
		want       string
		ok         bool
	}{
		{"adjacent", memory[:4], memory[4:8], "headbody", true},
		{"no head", nil, memory[4:8], "body", true},
		{"no body", memory[:4], nil, "head", true},
		{"apart", memory[:4], memory[8:], "", false},
		{"wrong order", memory[4:8], memory[:4], "", false},
		{"another's", memory[:4:4], memory[4:8], "", false},
		{"copies", []byte("head"), []byte("body"), "", false},
	} {
		if got, ok := joined(test.head, test.body); ok != test.ok || string(got) != test.want {
			t.Errorf("%s: %q, %t", test.name, got, ok)
		}
	}
}

// The table returns what a map would.
func TestTable(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	key := func() netip.AddrPort {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(2)), byte(random.IntN(256))})
		if random.IntN(2) == 0 {
			addr = netip.AddrFrom16([16]byte{0x20, 1, 15: byte(random.IntN(256))})
		}
		return netip.AddrPortFrom(addr, uint16(random.IntN(4)))
	}
	table, model := newTable[int](), map[netip.AddrPort]*int{}
	for step := range 20000 {
		k := key()
		switch random.IntN(3) {
		case 0, 1:
			table.put(k, &step)
			model[k] = &step
		default:
			value := model[k]
			if random.IntN(4) == 0 {
				value = new(int) // not what is there
			}
			removed := table.remove(k, value)
			if want := value != nil && model[k] == value; removed != want {
				t.Fatalf("removed %t, want %t", removed, want)
			}
			if removed {
				delete(model, k)
			}
		}
		if k = key(); table.get(k) != model[k] {
			t.Fatalf("step %d: %s is %p, want %p", step, k, table.get(k), model[k])
		}
	}
	if buckets := len(*table.buckets.Load()); table.count < 0 || buckets < len(model) {
		t.Errorf("%d buckets for %d values", buckets, len(model))
	}
}

// Readers find the entries that stay, whatever else is added and removed.
func TestTableConcurrently(t *testing.T) {
	t.Parallel()
	table, value := newTable[int](), new(int)
	at := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)
	}
	table.put(at(0), value)
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() {
			for range 20000 {
				if table.get(at(0)) != value {
					t.Error("lost")
					return
				}
			}
		})
	}
	for i := 1; i < 2000; i++ {
		table.put(at(i), new(int))
	}
	for i := 1; i < 2000; i++ {
		table.remove(at(i), table.get(at(i)))
	}
	work.Wait()
}

// nowhere is a packetConn that sends nothing.
type nowhere struct{}

func (nowhere) send(*destination, []byte, []byte, int) Drop { return Sent }
func (nowhere) start(owner) error                           { return nil }
func (nowhere) close(closed func())                         { closed() }
func (nowhere) setDontFragment(bool) error                  { return nil }
func (nowhere) measure()                                    {}
func (nowhere) overflows() uint64                           { return 0 }
func (nowhere) destination(addr netip.AddrPort, from netip.Addr) destination {
	return destination{addr: addr, from: from}
}

// recorder is a packetSink that keeps what would be sent.
type recorder struct {
	header  [maxHeader]byte
	peers   []netip.AddrPort
	clients []Client
	bytes   []byte
}

func (r *recorder) toPeer(_ *Relay, to *destination, body []byte) {
	r.peers, r.bytes = append(r.peers, to.addr), append(r.bytes, body...)
}

func (r *recorder) toClient(c Client, head, body []byte, padding int) {
	r.clients = append(r.clients, c)
	r.bytes = append(append(append(r.bytes, head...), body...), make([]byte, padding)...)
}
func (r *recorder) scratch(n int) []byte { return r.header[:n] }
func (r *recorder) now() int64           { return 1 }

// FuzzFromClient lets a client send anything: nothing is sent except to peers that are
// permitted and not denied, and to relays that permit it.
func FuzzFromClient(f *testing.F) {
	friend, foe := netip.MustParseAddrPort("192.0.2.1:9"), netip.MustParseAddrPort("10.0.0.1:9")
	a, b := netip.MustParseAddrPort("198.51.100.1:50000"), netip.MustParseAddrPort("198.51.100.1:50001")
	for _, peer := range []netip.AddrPort{friend, foe, a, b, netip.MustParseAddrPort("[2001:db8::1]:9")} {
		m := wire.Build(nil, wire.NewType(wire.Send, wire.Indication), wire.TransactionID{1})
		m.AddXORAddress(wire.XORPeerAddress, peer)
		m.Add(wire.DataValue, []byte("payload"))
		f.Add(m.Bytes())
	}
	for number := range uint16(5) {
		f.Add([]byte{0x40, byte(number), 0, 3, 'a', 'b', 'c', 0})
	}
	request := wire.Build(nil, wire.NewType(wire.Binding, wire.Request), wire.TransactionID{1})
	f.Add(request.Bytes())
	p, err := New(Config{Portable: true, Denies: func(addr netip.Addr) string {
		if addr.IsPrivate() {
			return "private"
		}
		return ""
	}})
	if err != nil {
		f.Fatal(err)
	}
	relay := func(at netip.AddrPort) *Relay {
		r := &Relay{path: p, client: p.NewStream(), conn: nowhere{}, relayed: at, bound: at}
		r.rights.Store(&rights{})
		if err := r.Start(); err != nil {
			f.Fatal(err)
		}
		r.Permit(at.Addr(), true)
		return r
	}
	sender, target := relay(a), relay(b)
	for i, peer := range []netip.AddrPort{friend, foe, a, b} {
		sender.Permit(peer.Addr(), true)
		sender.Bind(0x4000+uint16(i), peer, true)
		sender.Announce(0x4000 + uint16(i))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxDatagram {
			return
		}
		buffer := make([]byte, headroom+len(data)+tailroom)
		copy(buffer[headroom:], data)
		k := packet{buffer: buffer, start: headroom, end: headroom + len(data)}
		out := new(recorder)
		left := p.fromClient(out, sender, &k)
		if (left == kindControl || left == kindBinding) && !wire.IsSTUN(data) {
			t.Error("a control message that is none")
		}
		for _, peer := range out.peers {
			if peer.Addr() != friend.Addr() && peer.Addr() != a.Addr() {
				t.Errorf("sent to %s", peer)
			}
		}
		for _, client := range out.clients {
			if client != sender.client && client != target.client {
				t.Error("sent to a stranger")
			}
		}
		if len(out.peers)+len(out.clients) > 1 || len(out.bytes) > len(data)+maxHeader+3 {
			t.Errorf("%d bytes to %d peers and %d clients from %d", len(out.bytes), len(out.peers), len(out.clients), len(data))
		}
	})
}
