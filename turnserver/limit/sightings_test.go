package limit_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"callbox/turnserver/limit"
)

// flood is a sender who forges an address and sends so many requests in a second.
type flood struct {
	*limit.Sources
	rate           int64
	forge          func() netip.AddrPort
	now            int64
	asked, granted int
	ids            uint64
}

// id returns an ID that has not been used.
func (f *flood) id() []byte {
	f.ids++
	return binary.BigEndian.AppendUint64(make([]byte, 4), f.ids)
}

// until sends requests until a time.
func (f *flood) until(now int64) {
	for step := second / f.rate; f.now+step <= now; f.now += step {
		f.asked++
		if f.Answer(f.now, f.forge(), f.id()) {
			f.granted++
		}
	}
}

// tries returns how often a client that retransmits as in RFC 8489 section 6.2.1 sends its request until
// it is answered; 0 when it gives up.
func (f *flood) tries(client netip.AddrPort) int {
	id, wait := f.id(), second/2
	for try := 1; try <= 5; try++ {
		if f.Answer(f.now, client, id) {
			f.granted++
			return try
		}
		f.until(f.now + wait)
		wait *= 2
	}
	return 0
}

// Whoever forges an address cannot keep the clients there from their answers, and the address is sent no
// more than otherwise.
func TestForgedAddress(t *testing.T) {
	const victim, neighbour = "192.0.2.1", "2001:db8::7"
	port := func(addr string, port uint16) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr(addr), port)
	}
	var random *rand.Rand
	anyPort := func() uint16 { return uint16(random.IntN(1 << 16)) }
	for name, forge := range map[string]func() netip.AddrPort{
		"one port":  func() netip.AddrPort { return port(victim, 9) },
		"all ports": func() netip.AddrPort { return port(victim, anyPort()) },
		"a /64": func() netip.AddrPort {
			ip := netip.MustParseAddr(neighbour).As16()
			binary.BigEndian.PutUint64(ip[8:], random.Uint64())
			return netip.AddrPortFrom(netip.AddrFrom16(ip), anyPort())
		},
		"200,000 addresses beside it": func() netip.AddrPort {
			if random.IntN(2) == 0 {
				return port(victim, anyPort())
			}
			ip := binary.BigEndian.AppendUint32(nil, 0x0a000000+random.Uint32N(200_000))
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip)), anyPort())
		},
	} {
		client := victim
		if name == "a /64" {
			client = neighbour
		}
		for _, rate := range []int64{400, 5000} {
			// Always the same ports: one that is forged just before its client sends delays the client.
			random = rand.New(rand.NewPCG(1, 2))
			f := &flood{Sources: limit.NewSources(100, 1000), rate: rate, forge: forge}
			f.until(11 * second)
			f.Know(f.now, port(client, 60000))
			if got := f.tries(port(client, 60000)); got != 1 {
				t.Errorf("%s, %d a second: a client that is known is answered the %dth time", name, rate, got)
			}
			for i := range uint16(10) {
				if got := f.tries(port(client, 50000+i)); got == 0 || got > 3 {
					t.Errorf("%s, %d a second: a client is answered the %dth time", name, rate, got)
				}
			}
			if most := 1500 + int(100*f.now/second); name != "200,000 addresses beside it" && f.granted > most {
				t.Errorf("%s, %d a second: %d answers in %d s, want %d at most", name, rate, f.granted, f.now/second, most)
			}
		}
	}
}

// A port, and a request, have a second chance only from time to time.
func TestSecondChances(t *testing.T) {
	client := netip.MustParseAddrPort("192.0.2.1:9")
	for name, id := range map[string]func(i int) []byte{
		"the same request": func(int) []byte { return make([]byte, 12) },
		"other requests":   func(i int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4), uint64(i)) },
		"a known client":   func(i int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4), uint64(i)) },
	} {
		s, granted := limit.NewSources(100, 1000), 0
		if name == "a known client" {
			s.Know(0, client)
		}
		for others := 1; others > 0; { // they take all
			others = answers(s, 0, "192.0.2.1", 1000)
		}
		for i := range 1000 { // in a second
			if s.Take(int64(i)*second/1000, client.Addr()) {
				continue // what flows in goes to others, too
			}
			if s.Answer(int64(i)*second/1000, client, id(i)) {
				granted++
			}
		}
		if granted < 5 || granted > 7 {
			t.Errorf("%s: %d second chances in a second, want 6 or so", name, granted)
		}
	}
	var none *limit.Sources
	if none.Know(0, client); !none.Answer(0, client, nil) {
		t.Error("without a limit there is one")
	}
}
