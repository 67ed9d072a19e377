package coturn

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestUsers checks that fixed users are read as in coturn: of two lines for one name the last counts, and
// with a secret none does.
func TestUsers(t *testing.T) {
	t.Parallel()
	const key = "0xbc807ee29df3c9ffa736523fb2c4e8ee"
	text := "lt-cred-mech\nuser=ann:short\nuser=ann: a password: long enough\nuser=bo:" + key + "\nuser=cy:short\nrealm=north.gov\n"
	c := parse(t, text)
	if want := []string{"ann:a password: long enough", "bo:" + key, "cy:short"}; !slices.Equal(c.Users, want) || c.Secrets != nil {
		t.Errorf("users %q, secrets %q", c.Users, c.Secrets)
	}
	if got := warned(c); got != "2:user 5:user" {
		t.Errorf("warned of %s", got)
	}
	for _, more := range []string{secret, "use-auth-secret\n" + secret} {
		c = parse(t, "user=17:hidden\n"+text+more)
		if c.Users != nil || len(c.Secrets) != 1 || warned(c) != "1:user" || !strings.Contains(c.Warnings[0].Reason, "--turn-user") {
			t.Errorf("beside %q: users %q, warned %+v", more, c.Users, c.Warnings)
		}
	}
}

func warned(c *Config) string {
	var all []string
	for _, warning := range c.Warnings {
		all = append(all, fmt.Sprintf("%d:%s", warning.Line, warning.Key))
	}
	return strings.Join(all, " ")
}

// TestFamily checks both keys of the default address family.
func TestFamily(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "keep-address-family\n": "keep", "keep-address-family=0\n": "", "allocation-default-address-family=keep\n": "keep",
		"allocation-default-address-family=ipv4\n": "ipv4", "allocation-default-address-family = \"ipv6\"\n": "ipv6",
	} {
		if got := parse(t, secret+text).DefaultFamily; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
