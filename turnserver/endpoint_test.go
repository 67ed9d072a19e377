package turnserver

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// What a client may send at which time, before pion sees it.
func TestAdmit(t *testing.T) {
	client := netip.MustParseAddrPort("8.8.8.8:9")
	build := func(method stun.Method, class stun.MessageClass) []byte {
		return stun.MustBuild(stun.TransactionID, stun.NewType(method, class)).Raw
	}
	relayWith := func(lifetime time.Duration) *relay {
		r := &relay{}
		r.setLifetime(lifetime)
		return r
	}
	living, ending := relayWith(time.Minute), relayWith(permissionGap/2)
	tests := []struct {
		name                string
		packet              []byte
		none, alive, ending bool
	}{
		{"channel data", []byte{0x40, 0, 0, 0}, false, false, false},
		{"send indication", build(stun.MethodSend, stun.ClassIndication), false, false, false},
		{"data indication", build(stun.MethodData, stun.ClassIndication), false, false, false},
		{"binding indication", build(stun.MethodBinding, stun.ClassIndication), false, false, false},
		{"binding request", build(stun.MethodBinding, stun.ClassRequest), true, true, true},
		{"allocate", build(stun.MethodAllocate, stun.ClassRequest), true, true, true},
		{"refresh", build(stun.MethodRefresh, stun.ClassRequest), true, true, true},
		{"create permission", build(stun.MethodCreatePermission, stun.ClassRequest), true, true, false},
		{"channel bind", build(stun.MethodChannelBind, stun.ClassRequest), true, true, false},
		{"success response", build(stun.MethodBinding, stun.ClassSuccessResponse), false, false, false},
		{"error response", build(stun.MethodAllocate, stun.ClassErrorResponse), false, false, false},
		{"nothing", nil, false, false, false},
		{"garbage", make([]byte, 40), false, false, false},
	}
	for _, test := range tests {
		for r, want := range map[*relay]bool{nil: test.none, living: test.alive, ending: test.ending} {
			e := &endpoint{server: &Server{}, byClient: map[netip.AddrPort]*relay{}}
			if r != nil {
				e.byClient[client] = r
			}
			if got := e.admit(test.packet, client, netip.Addr{}); got != want {
				t.Errorf("%s: admitted %t, want %t (allocation %t, ending %t)", test.name, got, want, r != nil, r == ending)
			}
		}
	}
}
