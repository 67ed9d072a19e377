package turnserver

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestSuspensions(t *testing.T) {
	now := time.Unix(1700000000, 0)
	good := now.Add(time.Minute)
	var v revocations
	if v.refuses("ann", good, now) || v.count(now) != 0 {
		t.Error("somebody is refused from the start")
	}
	v.suspend("ann", now)
	v.minted(now.Add(3 * revokedFor))
	v.suspend("bo", now)
	if !v.refuses("ann", good, now) || !v.refuses("bo", good, now) || v.refuses("cy", good, now) || v.count(now) != 2 {
		t.Error("want ann and bo refused")
	}
	// Nobody is refused longer than there is something to refuse.
	v.suspend("cy", now.Add(revokedFor))
	if v.refuses("ann", good, now) || !v.refuses("bo", good, now) {
		t.Error("after an hour want bo alone refused, whose credentials may last longer")
	}
	v.restore("bo")
	v.restore("nobody")
	if v.refuses("bo", good, now) {
		t.Error("bo is refused after the restoration")
	}
	v.suspend("bo", now)
	if !v.refuses("bo", good, now) {
		t.Error("bo is not refused the second time")
	}
}

// Neither the revoked user nor strangers undo what an operator has revoked.
func TestRevocations(t *testing.T) {
	now := time.Unix(1700000000, 0)
	good := now.Add(time.Minute)
	var v revocations
	v.suspend("ann", now)
	for _, user := range []string{"ann", "bo"} { // one that has left, and one that is there
		if err := v.revoke(user, now); err != nil {
			t.Fatal(err)
		}
	}
	if got := v.count(now); got != 2 {
		t.Errorf("%d are refused, want 2", got)
	}
	v.restore("ann")
	for _, user := range []string{"ann", "bo"} {
		v.suspend(user, now) // leaves, and is back
		v.restore(user)
	}
	for i := range maxRevoked + 100 {
		v.suspend("stranger "+strconv.Itoa(i), now)
	}
	last := now.Add(revokedFor - time.Nanosecond)
	if !v.refuses("ann", good, last) || !v.refuses("bo", good, last) {
		t.Error("a revocation was undone before its hour is over")
	}
	if v.refuses("ann", good, now.Add(revokedFor)) || v.count(now.Add(revokedFor)) != maxRevoked {
		t.Error("a revocation outlasts every credential")
	}
}

func TestRevocationsAreBounded(t *testing.T) {
	now := time.Unix(1700000000, 0)
	var v revocations
	for i := range maxRevoked {
		if err := v.revoke("user "+strconv.Itoa(i), now); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.revoke("one more", now); !errors.Is(err, ErrTooManyRevoked) {
		t.Errorf("one more: %v, want ErrTooManyRevoked", err)
	}
	if err := v.revoke("user 0", now); err != nil {
		t.Errorf("one of them again: %v", err)
	}
	if !v.refuses("user 0", now, now) || v.refuses("one more", now, now) || len(v.revoked) != maxRevoked {
		t.Error("a revocation was forgotten for another")
	}
	if err := v.revoke("one more", now.Add(revokedFor)); err != nil || len(v.revoked) != 1 {
		t.Errorf("after an hour: %v, %d users", err, len(v.revoked))
	}
}

// A credential of another issuer that is valid for longer is refused for that time.
func TestRevocationOfForeignCredential(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for name, refuse := range map[string]func(v *revocations, at time.Time){
		"suspended": func(v *revocations, at time.Time) { v.suspend("ann", at) },
		"revoked":   func(v *revocations, at time.Time) { _ = v.revoke("ann", at) },
	} {
		var v revocations
		refuse(&v, now)
		v.refuses("ann", now.Add(24*time.Hour), now)
		v.suspend("bo", now.Add(23*time.Hour))
		if !v.refuses("ann", now, now.Add(23*time.Hour)) {
			t.Errorf("%s: ann is forgotten before the credential expires", name)
		}
		v.suspend("cy", now.Add(25*time.Hour))
		if v.refuses("ann", now, now.Add(25*time.Hour)) {
			t.Errorf("%s: ann is remembered after the credential expired", name)
		}
	}
}

func TestSuspensionsAreBounded(t *testing.T) {
	now := time.Unix(1700000000, 0)
	var v revocations
	for i := range maxRevoked + 100 {
		v.suspend("user "+strconv.Itoa(i), now)
	}
	if v.count(now) != maxRevoked || len(v.left.queue) != maxRevoked {
		t.Errorf("%d users, %d in the queue, want %d", v.count(now), len(v.left.queue), maxRevoked)
	}
	if v.refuses("user 99", now, now) || !v.refuses("user 100", now, now) || !v.refuses(fmt.Sprintf("user %d", maxRevoked+99), now, now) {
		t.Error("want the longest refused forgotten")
	}
	for range maxRevoked + 100 {
		v.suspend("ann", now)
		v.restore("ann")
	}
	if v.count(now) != 0 || len(v.left.queue) > maxRevoked {
		t.Errorf("%d users, %d in the queue", v.count(now), len(v.left.queue))
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
		if _, _, err := g.reserve(account{name: "ann"}, step.client, 1, 1); err != step.want { //nolint:errorlint // a sentinel as it is
			t.Errorf("%s: %v, want %v", step.client, err, step.want)
		}
	}
	g.cancel(account{name: "ann"}, a)
	if _, _, err := g.reserve(account{name: "bo"}, b, 1, 1); err != nil {
		t.Error(err)
	}
	g.cancel(account{name: "bo"}, b)
	g.cancel(account{name: "ann"}, c)
	if len(g.users) != 0 || len(g.clients) != 0 || g.open != 0 {
		t.Errorf("left: %v, %v, %d", g.users, g.clients, g.open)
	}
}
