package turnserver

import (
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"callbox/turnserver/datapath"
)

// crowd is a registry with a number of ports, whose clients ask for relays.
type crowd struct {
	*registry
	free int
}

func newCrowd(ports int) *crowd {
	limits := &Limits{}
	limits.normalize()
	return &crowd{newRegistry(limits), ports}
}

// ask requests n relays at once for a user at an address.
func (c *crowd) ask(user, address string, n int) error {
	_, _, err := c.reserve(account{name: user}, netip.MustParseAddr(address), n, c.free)
	if err == nil {
		c.free -= n
	}
	return err
}

// take requests as many relays as an address can get, each as a new user, and returns how many they
// are.
func (c *crowd) take(t *testing.T, address string) (got int) {
	t.Helper()
	for {
		err := c.ask(address+" "+strconv.Itoa(c.open), address, 1)
		if err != nil && !errors.Is(err, errAddressQuota) {
			t.Fatal(err)
		}
		if err != nil {
			return got
		}
		got++
	}
}

func TestShareOfPorts(t *testing.T) {
	for _, test := range []struct {
		ports, one    int // of them for one address
		ten, newcomer int // at least left by ten, and for another
	}{
		{16384, 200, 14384, 200},
		{1500, 187, 375, 40},
		{400, 50, 100, 12},
		{100, 12, 10, 8},
	} {
		c := newCrowd(test.ports)
		if got := c.take(t, "192.0.2.0"); got != test.one {
			t.Errorf("of %d ports one address gets %d, want %d", test.ports, got, test.one)
		}
		for i := range 9 {
			c.take(t, "192.0.2."+strconv.Itoa(1+i))
		}
		if c.free < test.ten {
			t.Errorf("ten addresses leave %d of %d ports, want %d", c.free, test.ports, test.ten)
		}
		if got := c.take(t, "198.51.100.1"); got < test.newcomer {
			t.Errorf("after ten a newcomer gets %d of %d ports, want %d", got, test.ports, test.newcomer)
		}
	}
}

// IPv6 clients count by their /64, and few ports are not shared.
func TestShareOfFewPorts(t *testing.T) {
	c := newCrowd(4)
	if err := errors.Join(c.ask("ann", "2001:db8::1", 2), c.ask("ann", "2001:db8::2", 1), c.ask("bo", "2001:db8::3", 1)); err != nil {
		t.Error(err)
	}
	c = newCrowd(100)
	if got := c.take(t, "2001:db8::1"); got != 12 {
		t.Errorf("an IPv6 client gets %d of 100 ports, want 12", got)
	}
	if err := c.ask("one more", "2001:db8::ffff:1", 1); !errors.Is(err, errAddressQuota) {
		t.Errorf("another address of the same /64: %v, want %v", err, errAddressQuota)
	}
	if err := c.ask("even", "2001:db8:0:1::1", 2); err != nil {
		t.Error(err)
	}
}

// Browsers ask for a relay by each protocol. Everybody in a company behind one address gets one, and
// another one when a call breaks.
func TestManyUsersBehindOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users, protocols = 150, 3
		c := newCrowd(16384)
		for i := range users {
			got := 0
			for range protocols {
				if err := c.ask(strconv.Itoa(i), "192.0.2.1", 1); err == nil {
					got++
				}
			}
			if got == 0 {
				t.Fatalf("user %d gets no relay", i)
			}
		}
		c.cancel(account{name: "0"}, netip.MustParseAddr("192.0.2.1"))
		if err := c.ask("0", "192.0.2.1", 1); err != nil {
			t.Errorf("in the place of one that was given back: %v", err)
		}
		<-time.After(pace)
		if err := c.ask(strconv.Itoa(users-1), "192.0.2.1", 1); err != nil {
			t.Errorf("a second relay, later: %v", err)
		}
		if got := c.clients[netip.MustParseAddr("192.0.2.1")]; got > DefaultAddressAllocations {
			t.Errorf("the address has %d relays", got)
		}
	})
}

// Users who share an account do not have to wait for one another.
func TestSharedAccountsAreNotPaced(t *testing.T) {
	for _, kind := range []accountKind{fixed, nameless} {
		g, client := newCrowd(16384).registry, netip.MustParseAddr("192.0.2.1")
		for range DefaultAddressAllocations {
			if _, _, err := g.reserve(account{name: "webrtc", kind: kind}, client, 1, 16384); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := g.reserve(account{name: "webrtc", kind: kind}, client, 1, 16384); !errors.Is(err, errAddressQuota) {
			t.Errorf("one more: %v, want %v", err, errAddressQuota)
		}
	}
}

func TestAddressQuotaOff(t *testing.T) {
	c := newCrowd(1500)
	c.limits.AddressAllocations = -1
	for i := range 1500 {
		if err := c.ask(strconv.Itoa(i/8), "192.0.2.1", 1); err != nil {
			t.Fatal(err)
		}
	}
}

// relayAt makes a live relay for a user at an address.
func (c *crowd) relayAt(t *testing.T, user, address string) (r *allocation, victims []*allocation, err error) {
	t.Helper()
	client := netip.AddrPortFrom(netip.MustParseAddr(address), 1)
	_, victims, err = c.reserve(account{name: user}, client.Addr(), 1, c.free)
	if err != nil {
		return nil, nil, err
	}
	c.free--
	relayed := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.1"), uint16(c.free))
	r = &allocation{client: client, relayed: relayed, user: user, since: time.Now(), data: new(datapath.Relay)}
	r.setEndReason(endDeleted)
	if !c.add(r) {
		t.Fatal("the relay is not live")
	}
	return r, victims, nil
}

// When the server has as many relays as it may have, idle ones make room, of an address that has more of
// those than one user may have.
func TestIdleRelaysMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const few, many, other = "192.0.2.1", "192.0.2.2", "192.0.2.3"
		c := newCrowd(16384)
		c.limits.TotalAllocations = unshared + unshared + 2
		var idle []*allocation
		for i := range c.limits.TotalAllocations {
			address := many
			if i < unshared {
				address = few // the oldest
			}
			r, _, err := c.relayAt(t, strconv.Itoa(i), address)
			if err != nil {
				t.Fatal(err)
			}
			if address == many {
				idle = append(idle, r)
			}
			<-time.After(time.Millisecond)
		}
		if _, _, err := c.relayAt(t, "late", other); !errors.Is(err, errTotalQuota) {
			t.Errorf("while all are new: %v, want %v", err, errTotalQuota)
		}
		<-time.After(idleAfter)
		for i := range 2 {
			_, victims, err := c.relayAt(t, "late"+strconv.Itoa(i), other)
			if err != nil || len(victims) != 1 || victims[0] != idle[i] {
				t.Fatalf("newcomer %d displaces %v, %v; want the oldest of the address with most", i, victims, err)
			}
			c.remove(victims[0])
		}
		if _, _, err := c.relayAt(t, "late", other); !errors.Is(err, errTotalQuota) {
			t.Errorf("with %d idle left at each: %v, want %v", unshared, err, errTotalQuota)
		}
		if c.displaced != 0 || c.open != c.limits.TotalAllocations {
			t.Errorf("%d relays are open, %d of them displaced", c.open, c.displaced)
		}
	})
}

// A check displaces nobody, however idle others are.
func TestCheckDisplacesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, other = "192.0.2.2", "192.0.2.3"
		c := newCrowd(16384)
		c.limits.TotalAllocations = 2 * unshared
		for i := range c.limits.TotalAllocations {
			if _, _, err := c.relayAt(t, strconv.Itoa(i), many); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(idleAfter)
		a := account{"check", checking, &check{}}
		if _, victims, err := c.reserve(a, netip.MustParseAddr(other), 1, c.free); !errors.Is(err, errTotalQuota) || len(victims) > 0 {
			t.Errorf("a check displaces %v, %v; want %v", victims, err, errTotalQuota)
		}
		if _, victims, err := c.relayAt(t, "a user", other); err != nil || len(victims) != 1 {
			t.Errorf("a user displaces %v, %v; want one", victims, err)
		}
	})
}
