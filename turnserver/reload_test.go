package turnserver

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

func TestSetSecrets(t *testing.T) {
	t.Parallel()
	s := &Server{credentials: credentials{realm: "callbox", now: time.Now}}
	first, second := bytes.Repeat([]byte("1"), MinSecretBytes), bytes.Repeat([]byte("2"), MinSecretBytes)
	if err := s.SetSecrets([][]byte{first}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][][]byte{nil, {second, []byte("short")}} {
		if err := s.SetSecrets(bad); err == nil {
			t.Errorf("SetSecrets(%q): no error", bad)
		}
		if username, password := s.Credential("peer", time.Minute); password != sign(first, username) {
			t.Errorf("after SetSecrets(%q) the old secret does not sign", bad)
		}
	}
	if err := s.SetSecrets([][]byte{second, first}); err != nil {
		t.Fatal(err)
	}
	if username, password := s.Credential("peer", time.Minute); password != sign(second, username) {
		t.Error("the new secret does not sign")
	}
}

func TestSetPeers(t *testing.T) {
	t.Parallel()
	s := &Server{policy: newPolicy(nil, nil, nil)}
	private, public := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("93.184.216.34")
	denied := func() [2]bool { return [2]bool{s.policy.denies(private) != "", s.policy.denies(public) != ""} }
	if got, want := denied(), [2]bool{true, false}; got != want {
		t.Fatalf("denied %v, want %v", got, want)
	}
	s.SetPeers([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []netip.Prefix{netip.MustParsePrefix("93.0.0.0/8")})
	if got, want := denied(), [2]bool{false, true}; got != want {
		t.Errorf("after SetPeers denied %v, want %v", got, want)
	}
	s.SetPeers(nil, nil)
	if got, want := denied(), [2]bool{true, false}; got != want {
		t.Errorf("after SetPeers(nil, nil) denied %v, want %v", got, want)
	}
}
