package main

import (
	"errors"
	"strings"
	"testing"
)

// TestSelfCheck starts servers, one of which has too few relays for a call.
func TestSelfCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flags    []string
		has, not string
	}{
		"healthy":                  {nil, "the self-check has found that STUN and the relays work", "has found a fault"},
		"one relay for each user":  {[]string{"--turn-user-quota", "1"}, "relay_quota", "STUN and the relays work"},
		"two relays for each user": {[]string{"--turn-user-quota", "2"}, "the self-check has found that STUN and the relays work", "has found a fault"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, append([]string{"--public-ip", "192.0.2.1", "--relay-ip", "127.0.0.1"}, c.flags...)...)
			eventually(t, func() error {
				if !strings.Contains(s.stderr.String(), c.has) {
					return errors.New("the log does not say " + c.has + ":\n" + s.stderr.String())
				}
				return nil
			})
			if text := s.stderr.String(); strings.Contains(text, c.not) {
				t.Errorf("the log says %q:\n%s", c.not, text)
			}
		})
	}
}
