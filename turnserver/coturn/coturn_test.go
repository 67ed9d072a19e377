package coturn

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const secret = "static-auth-secret=north-north-north\n"

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("turnserver.conf", strings.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestParseUsualFiles parses the files in the manuals of well-known users of coturn.
func TestParseUsualFiles(t *testing.T) {
	t.Parallel()
	all := []string{":3478"}
	for _, tc := range []struct {
		name, text string
		want       Config
	}{
		{"Nextcloud Talk", "listening-port=3478\nfingerprint\nuse-auth-secret\nstatic-auth-secret=north-north-north\nrealm=your.domain.org\ntotal-quota=0\nbps-capacity=0\nstale-nonce\nno-multicast-peers\n", Config{
			UDP: all, TCP: all, Secrets: []string{"north-north-north"}, Realm: "your.domain.org", TotalQuota: -1, TotalBytes: -1,
		}},
		{"Matrix", "use-auth-secret\nstatic-auth-secret=north-north-north\nrealm=turn.matrix.org\nno-tcp-relay\ndenied-peer-ip=10.0.0.0-10.255.255.255\n" +
			"denied-peer-ip=192.168.0.0-192.168.255.255\ndenied-peer-ip=172.16.0.0-172.31.255.255\nno-multicast-peers\nallowed-peer-ip=10.0.0.1\nuser-quota=12\ntotal-quota=1200\n" +
			"cert=/etc/cert.pem\npkey=/etc/key.pem\nexternal-ip=192.0.2.7/10.0.0.1\n", Config{
			UDP: all, TCP: all, TLS: []string{":5349"}, Secrets: []string{"north-north-north"}, Realm: "turn.matrix.org",
			DenyPeers: []string{"10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12"}, AllowPeers: []string{"10.0.0.1/32"},
			UserQuota: 12, TotalQuota: 1200, Cert: "/etc/cert.pem", Key: "/etc/key.pem", PublicIPs: []string{"192.0.2.7"}, RelayIPs: []string{"10.0.0.1"},
		}},
		{"Jitsi", "use-auth-secret\nkeep-address-family\nstatic-auth-secret=north-north-north\nrealm=jitsi.example\ncert=/etc/cert.pem\npkey=/etc/key.pem\nno-multicast-peers\nno-cli\n" +
			"no-loopback-peers\nno-tcp-relay\nno-tcp\nlistening-port=3478\ntls-listening-port=5349\nno-tlsv1\nno-tlsv1_1\ncipher-list=ECDHE\ndenied-peer-ip=0.0.0.0-0.255.255.255\nsyslog\n", Config{
			UDP: all, TLS: []string{":5349"}, Secrets: []string{"north-north-north"}, Realm: "jitsi.example", Cert: "/etc/cert.pem", Key: "/etc/key.pem", DefaultFamily: "keep", DenyPeers: []string{"0.0.0.0/8"},
		}},
		{"two addresses", secret + "listening-ip=192.0.2.1\nlistening-ip=2001:db8::1\nalt-listening-port=443\nmin-port=50000\nmax-port 60000\nmax-bps=1000\nbps-capacity = 9000\naux-server=[2001:db8::1]:80\n", Config{
			UDP:     []string{"192.0.2.1:3478", "192.0.2.1:443", "[2001:db8::1]:3478", "[2001:db8::1]:443", "[2001:db8::1]:80"},
			TCP:     []string{"192.0.2.1:3478", "192.0.2.1:443", "[2001:db8::1]:3478", "[2001:db8::1]:443", "[2001:db8::1]:80"},
			Secrets: []string{"north-north-north"}, RelayIPs: []string{"192.0.2.1", "2001:db8::1"}, RelayPorts: "50000-60000", UserBytes: 1000, TotalBytes: 9000,
		}},
		{"pairs", secret + secret + "relay-ip=10.0.0.1\nrelay-ip=10.0.0.2\nexternal-ip=192.0.2.8/10.0.0.2\nlistening-ip=0.0.0.0\n\tno-udp = off\n # no-tcp\n", Config{
			UDP: []string{"0.0.0.0:3478"}, TCP: []string{"0.0.0.0:3478"}, Secrets: []string{"north-north-north", "north-north-north"},
			RelayIPs: []string{"10.0.0.1", "10.0.0.2"}, PublicIPs: []string{"10.0.0.1", "192.0.2.8"},
		}},
		{"a name, and quotes", secret + "realm=\"a realm\"\nexternal-ip=turn.example.org\nallow-loopback-peers\r\n", Config{
			UDP: all, TCP: all, Secrets: []string{"north-north-north"}, Realm: "a realm", PublicIPs: []string{"dns:turn.example.org"}, AllowPeers: []string{"127.0.0.0/8", "::1/128"},
		}},
	} {
		got := parse(t, tc.text)
		got.Notes = nil
		if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", tc.want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", tc.name, *got, tc.want)
		}
	}
}

func TestParseNotes(t *testing.T) {
	t.Parallel()
	c := parse(t, secret+"no-cli\nfingerprint\ncli-port=5766\nno-cli\nlt-cred-mech\nmobility=off\n")
	var got []string
	for _, note := range c.Notes {
		if note.Reason == "" || strings.Contains(note.Reason, "`") {
			t.Errorf("%s: the reason is %q", note.Key, note.Reason)
		}
		got = append(got, fmt.Sprintf("%d:%s", note.Line, note.Key))
	}
	if want := "2:no-cli 3:fingerprint 4:cli-port"; strings.Join(got, " ") != want {
		t.Errorf("notes %v, want %s", got, want)
	}
}

func TestParseFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string // beginnings of lines
	}{
		{"empty", "", []string{"f: there is neither use-auth-secret"}},
		{"secrets of a database", "realm=a\nuse-auth-secret\n", []string{"f:2: use-auth-secret: there is no static-auth-secret"}},
		{"users of a database", "lt-cred-mech\n", []string{"f:1: lt-cred-mech: there is no user"}},
		{"users", "realm=a\nuser=ann\nuser=:hidden\nuser=ann:\nuser=17:hidden\nuser=17:ann:hidden\nuser=@ann:hidden\nuser=ann:0xhidden\nuser=ann:changeme\nuser\n", []string{
			"f:2: user: a fixed user is NAME:PASSWORD", "f:3: user: a fixed user has no name", `f:4: user: user "ann": there is no password`, `f:5: user: user "17": a name that is a number`,
			`f:6: user: user "17": a name`, "f:7: user: a name that begins with @", `f:8: user: user "ann": a key is 0x and 32`, "f:9: user: it is a text that everybody knows", "f:10: user: it needs a value",
		}},
		{"a key without realm", "user=ann:0xbc807ee29df3c9ffa736523fb2c4e8ee\n", []string{`f:1: user: the key of "ann" is made for a realm`}},
		{"family", secret + "allocation-default-address-family=both\n", []string{"f:2: allocation-default-address-family: its value is none of"}},
		{"everything at once", "static-auth-secret=hidden\nno-such=hidden\nexternal-ip=1.2.3\nlistening-port=70000\ndenied-peer-ip=10.0.0.9-10.0.0.1\n" +
			"denied-peer-ip=10.0.0.1-::1\nuser-quota=many\nno-auth\nredis-userdb=\"password=hidden\"\nrealm\nuse-auth-secret=perhaps\ncert=a\nmin-port=9\nmax-port=8\nrest-api-separator=;\nno-udp\nno-tcp\n", []string{
			"f:1: static-auth-secret: the secret has 6 bytes", `f:2: "no-such" is no key of coturn`, `f:3: external-ip: "1.2.3" is neither`, `f:4: listening-port: "70000" is not a port`,
			"f:5: denied-peer-ip: 10.0.0.9-10.0.0.1 ends before it begins", "f:6: denied-peer-ip: 10.0.0.1-::1 mixes", "f:7: user-quota: its value is not a whole number",
			"f:8: no-auth: relays for everybody", "f:9: redis-userdb: users and secrets", "f:10: realm: it needs a value", "f:11: use-auth-secret: its value is none of",
			"f:12: cert: it needs its key", "f:14: min-port, max-port: 9-8 is no range", "f:15: rest-api-separator: ",
		}},
		{"nothing to serve", secret + "no-udp\nno-tcp\n", []string{"f: with all that is off"}},
		{"key without certificate", secret + "pkey=b\n", []string{"f:2: pkey: it needs its certificate"}},
		{"mixed external addresses", secret + "external-ip=192.0.2.1/10.0.0.1\nexternal-ip=192.0.2.2\n", []string{"f:3: external-ip: one without a local"}},
		{"a foreign local address", secret + "relay-ip=10.0.0.2\nexternal-ip=192.0.2.1/10.0.0.1\n", []string{"f:3: external-ip: 10.0.0.1 is no relay-ip"}},
		{"a secret like a file", "static-auth-secret=@0123456789abcdef\n", []string{"f:1: static-auth-secret: a secret that begins with @"}},
		{"a quota that is too large", secret + "max-bps=2147483648\n", []string{"f:2: max-bps: its value is not a whole number below"}},
		{"bad aux server", secret + "aux-server=10.0.0.1\n", []string{`f:2: aux-server: "10.0.0.1" is not an address with a port`}},
		{"long line", secret + "realm=" + strings.Repeat("a", MaxLineBytes), []string{"f:2: the line has more than 4096 bytes"}},
		{"many lines", secret + strings.Repeat("\n", MaxLines), []string{"f:10001: the file has more than 10000 lines"}},
	} {
		_, err := Parse("f", strings.NewReader(tc.text), nil)
		if err == nil {
			t.Errorf("%s: no fault", tc.name)
			continue
		}
		if strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: a secret is told: %v", tc.name, err)
		}
		lines := strings.Split(err.Error(), "\n")
		for _, want := range tc.want {
			if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, want) }) {
				t.Errorf("%s: no fault begins with %q:\n%v", tc.name, want, err)
			}
		}
		if len(lines) != len(tc.want) {
			t.Errorf("%s: %d faults, want %d:\n%v", tc.name, len(lines), len(tc.want), err)
		}
	}
}

// TestKeys checks that every key of coturn's releases is in the table, once, with a text.
func TestKeys(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, key := range Keys() {
		if key.Text == "" || (key.apply == nil) != (key.Use != Understood) {
			t.Errorf("%v: text %q, use %v", key.Names, key.Text, key.Use)
		}
		for _, name := range key.Names {
			if seen[name] {
				t.Errorf("%s stands in the table twice", name)
			}
			seen[name] = true
		}
	}
	text, err := os.ReadFile("testdata/keys.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(text))
	if len(names) < 140 {
		t.Fatalf("only %d keys in testdata/keys.txt", len(names))
	}
	for _, name := range names {
		if !seen[name] {
			t.Errorf("coturn has the key %s, the table has not", name)
		}
	}
}

// TestDocumentation checks that the migration page has the same table. UPDATE=1 writes it there.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	const page, begin, end = "../../docs/coturn.md", "<!-- keys -->\n", "<!-- /keys -->"
	var table strings.Builder
	for _, use := range []Use{Understood, Unneeded, Refused} {
		title := map[Use]string{Understood: "Understood", Unneeded: "Ignored, and mentioned in the log", Refused: "Refused at the start"}[use]
		head := map[Use]string{Understood: "what it becomes", Unneeded: "why it is not needed", Refused: "why, and what to do"}[use]
		fmt.Fprintf(&table, "\n### %s\n\n| key | %s |\n|---|---|\n", title, head)
		for _, key := range Keys() {
			if key.Use == use {
				fmt.Fprintf(&table, "| `%s` | %s |\n", strings.Join(key.Names, "`, `"), key.Text)
			}
		}
	}
	table.WriteString("\n")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	got, after, closed := strings.Cut(rest, end)
	switch {
	case !found || !closed:
		t.Errorf("%s has no place for the table between %q and %q", page, begin, end)
	case got == table.String():
	case os.Getenv("UPDATE") != "":
		if err := os.WriteFile(page, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table in %s is not the one of this package; UPDATE=1 go test writes it", page)
	}
}
