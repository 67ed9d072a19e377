package turnserver_test

import (
	"net/netip"
	"testing"

	"github.com/pion/stun/v3"

	"callbox/turnserver"
)

// TestRefusalsAreCountedAndLogged checks that every refusal is counted, and that the log has one line a
// minute for each kind, without addresses.
func TestRefusalsAreCountedAndLogged(t *testing.T) {
	var log lines
	s := start(t, func(c *turnserver.Config) {
		c.Logger, c.Limits = log.logger(), turnserver.Limits{UserAllocations: 1}
	})
	c := s.rawAs(t, "ann") // 401
	udp := requestedTransport(17)
	peer := func(text string) stun.Setter { return xorPeer{netip.MustParseAddrPort(text)} }
	for range 2 {
		c.request(t, stun.MethodAllocate)                                                             // 400
		c.request(t, stun.MethodAllocate, requestedTransport(6))                                      // 442
		c.request(t, stun.MethodAllocate, udp, requestedFamily(2))                                    // 440
		c.request(t, stun.MethodAllocate, udp, attribute{stun.AttrType(0x7fff), nil})                 // 420
		c.request(t, stun.MethodAllocate, udp, attribute{stun.AttrReservationToken, make([]byte, 8)}) // 508
		c.request(t, stun.MethodRefresh)                                                              // 437
	}
	c.allocate(t)
	c.request(t, stun.MethodCreatePermission, peer("10.0.0.1:9"))  // 403
	c.request(t, stun.MethodCreatePermission, peer("[2606::1]:9")) // 443
	s.rawAs(t, "ann").allocateCode(t)                              // 486
	s.raw(t, "9999999999:ann", "wrong").allocateCode(t)            // 401
	c.username, c.password = s.server.Credential("bo", patience)
	c.request(t, stun.MethodRefresh) // 441
	c.nonce = stun.NewNonce("stale")
	c.request(t, stun.MethodRefresh) // 438

	want := map[int]uint64{400: 2, 401: 4, 403: 1, 420: 2, 437: 2, 438: 1, 440: 2, 441: 1, 442: 2, 443: 1, 486: 1, 500: 0, 508: 2}
	got := s.server.Snapshot().Refusals
	for code, n := range want {
		if got[code] != n {
			t.Errorf("%d refused with %d, want %d", got[code], code, n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("counted %v", got)
	}
	told := map[float64]int{}
	for _, line := range log.with("request refused") {
		told[line["code"].(float64)]++
		if line["method"] == "" || line["reason"] == "" || line["client"] != nil || line["times"] != float64(1) {
			t.Errorf("logged %v", line)
		}
	}
	for code, n := range want {
		lines := 1
		if n == 0 || code == 438 {
			lines = 0 // as each client meets it
		}
		if told[float64(code)] != lines {
			t.Errorf("%d lines about %d, want %d", told[float64(code)], code, lines)
		}
	}
}
