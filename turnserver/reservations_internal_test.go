package turnserver

import (
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

type countedClose struct {
	net.PacketConn
	closed *int
}

func (c countedClose) Close() error {
	*c.closed++
	return nil
}

// A reservation that is not redeemed ends after 30 seconds, once.
func TestReservationExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := account{name: "ann"}
		client, closed, released := netip.MustParseAddr("192.0.2.1"), 0, 0
		s := newReservations(func(a account, addr netip.Addr) {
			if a != ann || addr != client {
				t.Errorf("released for %v at %s", a, addr)
			}
			released++
		})
		ports := newPorts(PortRange{Min: 5, Max: 5}, time.Now)
		whichever := func(uint16) bool { return true }
		reserve := func() token {
			port, ok := ports.pick(whichever)
			if !ok {
				t.Fatal("the port is not free")
			}
			held, err := s.add(&boundSocket{conn: countedClose{closed: &closed}, address: &relayAddress{ports: ports}, port: port}, ann, client)
			if err != nil {
				t.Fatal(err)
			}
			return held
		}
		held := reserve()
		time.Sleep(reservationTime - time.Nanosecond) //nolint:forbidigo // the clock of synctest
		if _, err := s.redeem(held, account{name: "ann", kind: fixed}); err == nil {
			t.Error("another user takes it")
		}
		p, err := s.redeem(held, ann)
		if err != nil || closed != 0 || released != 1 {
			t.Fatalf("%v, closed %d, released %d", err, closed, released)
		}
		p.discard()
		late := reserve()
		time.Sleep(reservationTime) //nolint:forbidigo // the clock of synctest
		synctest.Wait()
		if _, err := s.redeem(late, ann); err == nil || closed != 2 || released != 2 {
			t.Errorf("after its time: %v, closed %d, released %d", err, closed, released)
		}
		reserve()
		s.close()
		if closed != 3 || released != 3 {
			t.Errorf("after the end: closed %d, released %d", closed, released)
		}
		if _, err := s.add(&boundSocket{}, ann, client); err == nil {
			t.Error("a reservation after the end")
		}
	})
}
