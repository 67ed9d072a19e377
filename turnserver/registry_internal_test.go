package turnserver

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// A user does not get a full rate limit again by making its only allocation again.
func TestUserBytesOutliveTheAllocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := netip.MustParseAddr("192.0.2.1")
		g := newRegistry(&Limits{UserBytes: 100_000})
		reserve := func(name string) (spent bool) {
			t.Helper()
			bytes, _, err := g.reserve(account{name: name}, client, 1, 1)
			if err != nil {
				t.Fatal(err)
			}
			return !bytes.Take(1, 100_000)
		}
		if reserve("ann") {
			t.Error("a new user has no bytes")
		}
		g.cancel(account{name: "ann"}, client)
		if !reserve("ann") {
			t.Error("the bytes are spent twice")
		}
		g.cancel(account{name: "ann"}, client)
		if len(g.users) != 1 {
			t.Errorf("%d users, want the one that has left", len(g.users))
		}
		<-time.After(g.limits.userRefill())
		reserve("bo")
		if len(g.users) != 1 || len(g.left) != 0 {
			t.Errorf("%d users and %d that have left, want only the new one", len(g.users), len(g.left))
		}
		g.cancel(account{name: "bo"}, client)
		reserve("bo") // back again
		<-time.After(g.limits.userRefill())
		reserve("ann")
		if len(g.users) != 2 {
			t.Errorf("%d users, want the two that have allocations", len(g.users))
		}
	})
}
