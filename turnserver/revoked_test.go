package turnserver

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestRevocations(t *testing.T) {
	now := time.Unix(1700000000, 0)
	good := now.Add(time.Minute)
	var v revocations
	if v.refuses("ann", good, now) || v.count() != 0 {
		t.Error("somebody is refused from the start")
	}
	v.add("ann", now)
	v.minted(now.Add(3 * revokedFor))
	v.add("bo", now)
	if !v.refuses("ann", good, now) || !v.refuses("bo", good, now) || v.refuses("cy", good, now) || v.count() != 2 {
		t.Error("want ann and bo refused")
	}
	// Nobody is refused longer than there is something to refuse.
	v.add("cy", now.Add(revokedFor))
	if v.refuses("ann", good, now) || !v.refuses("bo", good, now) {
		t.Error("after an hour want bo alone refused, whose credentials may last longer")
	}
	v.remove("bo")
	v.remove("nobody")
	if v.refuses("bo", good, now) {
		t.Error("bo is refused after the restoration")
	}
	v.add("bo", now)
	if !v.refuses("bo", good, now) {
		t.Error("bo is not refused the second time")
	}
}

// A credential of somebody else that lasts longer is refused for as long.
func TestRevocationOfForeignCredential(t *testing.T) {
	now := time.Unix(1700000000, 0)
	var v revocations
	v.add("ann", now)
	v.refuses("ann", now.Add(24*time.Hour), now)
	v.add("bo", now.Add(23*time.Hour))
	if !v.refuses("ann", now, now) {
		t.Error("ann is forgotten before the credential expires")
	}
	v.add("cy", now.Add(25*time.Hour))
	if v.refuses("ann", now, now) {
		t.Error("ann is remembered after the credential expired")
	}
}

func TestRevocationsAreBounded(t *testing.T) {
	now := time.Unix(1700000000, 0)
	var v revocations
	for i := range maxRevoked + 100 {
		v.add("user "+strconv.Itoa(i), now)
	}
	if v.count() != maxRevoked || len(v.queue) != maxRevoked {
		t.Errorf("%d users, %d in the queue, want %d", v.count(), len(v.queue), maxRevoked)
	}
	if v.refuses("user 99", now, now) || !v.refuses("user 100", now, now) || !v.refuses(fmt.Sprintf("user %d", maxRevoked+99), now, now) {
		t.Error("want the longest refused forgotten")
	}
	for range maxRevoked + 100 {
		v.add("ann", now)
		v.remove("ann")
	}
	if v.count() != 0 || len(v.queue) > maxRevoked {
		t.Errorf("%d users, %d in the queue", v.count(), len(v.queue))
	}
}

// Quotas count an IPv6 client by its /64.
func TestAddressQuotaIPv6(t *testing.T) {
	g := newRegistry(&Limits{AddressAllocations: 1})
	a, b, c := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:1"), netip.MustParseAddr("2001:db8:0:1::1")
	for _, step := range []struct {
		client netip.Addr
		want   error
	}{{a, nil}, {b, errAddressQuota}, {c, nil}} {
		if _, err := g.reserve(account{name: "ann"}, step.client); err != step.want { //nolint:errorlint // a sentinel as it is
			t.Errorf("%s: %v, want %v", step.client, err, step.want)
		}
	}
	g.cancel(account{name: "ann"}, a)
	if _, err := g.reserve(account{name: "bo"}, b); err != nil {
		t.Error(err)
	}
	g.cancel(account{name: "bo"}, b)
	g.cancel(account{name: "ann"}, c)
	if len(g.users) != 0 || len(g.clients) != 0 || g.open != 0 {
		t.Errorf("left: %v, %v, %d", g.users, g.clients, g.open)
	}
}
