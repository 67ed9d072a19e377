package coturn

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestFlagsReplaceKeys checks that what flags replace is neither required nor checked in the file, and that
// everything else is.
func TestFlagsReplaceKeys(t *testing.T) {
	t.Parallel()
	const listeners = "turn-udp turn-tcp turn-tls relay-ip"
	for _, tc := range []struct{ text, flags string }{
		{"realm=a\n", "turn-secret"},
		{"use-auth-secret\n", "turn-secret"},
		{"use-auth-secret\nstatic-auth-secret=north\n", "turn-secret"},
		{"use-auth-secret\nstatic-auth-secret\n", "turn-secret"},
		{"static-auth-secret=${SECRET}\n", "turn-secret"},
		{"static-auth-secret=@0123456789abcdef\n", "turn-secret"},
		{"lt-cred-mech\n", "turn-user"},
		{"lt-cred-mech\n", "turn-secret"},
		{"", "turn-user"},
		{"lt-cred-mech\nuser=17:x\n", "turn-user"},
		{"use-auth-secret\nredis-userdb=x\n", "turn-secret"},
		{"lt-cred-mech\npsql-userdb=x\n", "turn-user"},
		{secret + "realm=x #REPLACEME\n", "realm"},
		{secret + "realm\n", "realm"},
		{secret + "cert=a\n", "tls-key"},
		{secret + "cert=a\n", "tls-cert tls-key"},
		{secret + "pkey=a\n", "tls-cert"},
		{secret + "pkey=a\npkey-pwd=b\n", "tls-cert tls-key"},
		{secret + "cert=a #x\npkey=b //x\n", "tls-cert tls-key"},
		{secret + "listening-port=x\naux-server=y\nalt-listening-port=-1\n", "turn-udp turn-tcp"},
		{secret + "tls-listening-port=x\nalt-tls-listening-port=x\nno-tls=perhaps\n", "turn-tls"},
		{secret + "listening-ip=x\nlistening-device=eth0\n", listeners},
		{secret + "listening-ip=x\n", "turn-udp turn-tcp relay-ip"}, // no certificate, so no TLS
		{secret + "no-tcp\nlistening-ip=x\n", "turn-udp relay-ip"},
		{secret + "no-udp=perhaps\nno-tcp=perhaps\n", "turn-udp turn-tcp"},
		{secret + "no-udp\nno-tcp\n", "turn-udp"},
		{secret + "no-udp\nno-tcp\n", "turn-tls"},
		{secret + "relay-ip=x\nrelay-device=eth0\n", "relay-ip"},
		{secret + "relay-ip=10.0.0.2\nexternal-ip=192.0.2.1/10.0.0.1\n", "relay-ip"},
		{secret + "external-ip=1.2.3\n", "public-ip"},
		{secret + "external-ip=192.0.2.1/10.0.0.1\nexternal-ip=192.0.2.2\n", "public-ip"},
		{secret + "relay-ip=10.0.0.2\nexternal-ip=192.0.2.1/10.0.0.1\n", "public-ip"},
		{secret + "min-port=x\n", "relay-ports"},
		{secret + "min-port=9\nmax-port=8\n", "relay-ports"},
		{secret + "user-quota=x\n", "turn-user-quota"},
		{secret + "total-quota=x\n", "turn-total-quota"},
		{secret + "max-bps=x\n", "turn-max-bps"},
		{secret + "bps-capacity=x\n", "turn-total-bps"},
		{secret + "denied-peer-ip=x\n", "turn-deny-peer"},
		{secret + "allowed-peer-ip=x\nallow-loopback-peers=perhaps\n", "turn-allow-peer"},
		{secret + "allocation-default-address-family=x\nkeep-address-family=x\n", "turn-default-family"},
	} {
		given := Flags{}
		for _, name := range strings.Fields(tc.flags) {
			given[name] = []string{"198.51.100.1"}
		}
		c, err := Parse("f", strings.NewReader(tc.text), given)
		if err != nil {
			t.Errorf("%q with %s: %v", tc.text, tc.flags, err)
			continue
		}
		if strings.Contains(tc.text, "=x") && len(c.Notes) == 0 {
			t.Errorf("%q with %s: no note of what is passed over", tc.text, tc.flags)
		}
		if _, err := Parse("f", strings.NewReader(tc.text), nil); err == nil {
			t.Errorf("%q alone: no fault", tc.text)
		}
		if _, err := Parse("f", strings.NewReader(tc.text+"no-such-key\nstun-only\nno-auth\n"), given); err == nil || strings.Count(err.Error(), "\n") != 2 {
			t.Errorf("%q with %s and three faults more: %v", tc.text, tc.flags, err)
		}
	}
}

// TestFlagsBesideAddresses checks which addresses of the file remain with flags.
func TestFlagsBesideAddresses(t *testing.T) {
	t.Parallel()
	pairs := secret + "external-ip=192.0.2.1/10.0.0.1\nexternal-ip=192.0.2.2/10.0.0.2\n"
	for _, tc := range []struct {
		text  string
		flags Flags
		want  string // relay and public addresses, TLS
	}{
		{pairs, nil, "[10.0.0.1 10.0.0.2] [192.0.2.1 192.0.2.2] []"},
		{pairs, Flags{"relay-ip": {"10.0.0.2"}}, "[10.0.0.2] [192.0.2.2] []"},
		{pairs, Flags{"relay-ip": {"[2001:db8::1]", "10.0.0.1"}}, "[2001:db8::1 10.0.0.1] [2001:db8::1 192.0.2.1] []"},
		{pairs, Flags{"public-ip": {"198.51.100.1"}}, "[] [] []"},
		{pairs, Flags{"public-ip": {"198.51.100.1", "198.51.100.2"}}, "[10.0.0.1 10.0.0.2] [] []"},
		{pairs + "relay-ip=10.0.0.1\n", Flags{"public-ip": {"cloud"}}, "[10.0.0.1] [] []"},
		{secret + "tls-listening-port=443\nlistening-ip=10.0.0.1\n", Flags{"tls-cert": {"a"}, "tls-key": {"b"}}, "[10.0.0.1] [] [10.0.0.1:443]"},
		{secret + "cert=a\n", Flags{"tls-key": {"b"}}, "[] [] [:5349]"},
		{secret + "no-tls\n", Flags{"tls-cert": {"a"}, "tls-key": {"b"}}, "[] [] []"},
		{secret, Flags{"tls-cert": {""}, "tls-key": {""}}, "[] [] []"},
	} {
		c, err := Parse("f", strings.NewReader(tc.text), tc.flags)
		if err != nil {
			t.Errorf("%q with %v: %v", tc.text, tc.flags, err)
			continue
		}
		if got := fmt.Sprint(c.RelayIPs, c.PublicIPs, c.TLS); got != tc.want {
			t.Errorf("%q with %v: %s, want %s", tc.text, tc.flags, got, tc.want)
		}
	}
	if keys := replacedBy(); slices.ContainsFunc(understoodKeys(), func(key Key) bool {
		return slices.ContainsFunc(key.Names, func(name string) bool {
			return keys[name] == nil && !slices.Contains([]string{"use-auth-secret", "rest-api-separator", "lt-cred-mech"}, name)
		})
	}) {
		t.Error("a key is understood that no flag can take the place of")
	}
}
