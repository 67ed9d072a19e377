package coturn

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParsePeers(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"10.0.0.1":                                       "10.0.0.1/32",
		"10.0.0.0-10.255.255.255":                        "10.0.0.0/8",
		"0.0.0.0-255.255.255.255":                        "0.0.0.0/0",
		"10.0.0.1-10.0.0.4":                              "10.0.0.1/32 10.0.0.2/31 10.0.0.4/32",
		"100.64.0.0-100.127.255.255":                     "100.64.0.0/10",
		"255.255.255.254-255.255.255.255":                "255.255.255.254/31",
		"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff":     "::/0",
		"fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "fc00::/7",
		"2001:db8::1 - 2001:db8::2":                      "2001:db8::1/128 2001:db8::2/128",
		"::ffff:10.0.0.1":                                "10.0.0.1/32",
		"192.168.1.9/16":                                 "192.168.0.0/16",
	} {
		got, err := parsePeers(value)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v; want %s", value, got, err, want)
		}
	}
	for _, value := range []string{"", "-", "a", "10.0.0.1-", "10.0.0.2-10.0.0.1", "10.0.0.1-::1", "fe80::1%lo", "10.0.0.1-10.0.0.2-10.0.0.3", "10.0.0.0/33"} {
		if got, err := parsePeers(value); err == nil {
			t.Errorf("%q is read as %v", value, got)
		}
	}
	// The longest cover there is.
	all, err := parsePeers("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")
	if err != nil || len(all) != 254 {
		t.Errorf("%d prefixes, %v; want 254", len(all), err)
	}
}

// TestPrefixesExactly checks for every range in a small network that the prefixes cover exactly that range.
func TestPrefixesExactly(t *testing.T) {
	t.Parallel()
	at := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }
	const size = 40
	for first := range size {
		for last := first; last < size; last++ {
			cover := prefixes(at(first), at(last))
			for n := range size + 1 {
				times := 0
				for _, prefix := range cover {
					if prefix.Contains(at(n)) {
						times++
					}
				}
				want := 0
				if n >= first && n <= last {
					want = 1
				}
				if times != want {
					t.Fatalf("%d-%d: %v has %d in it %d times", first, last, cover, n, times)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", secret, secret + "external-ip=192.0.2.1/10.0.0.1\nrelay-ip=10.0.0.1\n", "realm = \"a\n", "denied-peer-ip=::-ffff::\nno-udp=0\n", "=\n=a\n\x00\n", secret + "min-port=1\nmax-port=2\nlistening-ip=::1\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("f", strings.NewReader(text), nil)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "f:") {
					t.Fatalf("a fault does not name its place: %q", line)
				}
			}
			return
		}
		if len(c.Secrets)+len(c.Users) == 0 || len(c.UDP)+len(c.TCP)+len(c.TLS) == 0 {
			t.Fatalf("a server of nothing or for everybody: %+v", c)
		}
		for _, address := range append(append(c.UDP, c.TCP...), c.TLS...) {
			if _, port, ok := strings.Cut(address, ":"); !ok || port == "" {
				t.Fatalf("address %q", address)
			}
		}
		for _, peer := range append(c.AllowPeers, c.DenyPeers...) {
			if prefix, err := netip.ParsePrefix(peer); err != nil || prefix != prefix.Masked() {
				t.Fatalf("peer rule %q", peer)
			}
		}
	})
}
