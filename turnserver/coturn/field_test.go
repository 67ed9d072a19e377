package coturn

import (
	"fmt"
	"strings"
	"testing"
)

// TestFilesOfTheField parses files from packages, forums and issues, with other names, addresses and
// secrets.
func TestFilesOfTheField(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want string // UDP, TCP, TLS, secrets, users, public and relay addresses, ports; or the faults
	}{
		"two lines of a template in one, last line without an end": {
			"listening-port=3478\ntls-listening-port=5349\nalt-listening-port=0\nalt-tls-listening-port=0\nstale-nonce\nno-udp=true\nuse-auth-secret\nstatic-auth-secret=\"0f0e0d0c0b0a0908\"\nrealm=\"turn.example.org\"",
			"[] [:3478] [] [0f0e0d0c0b0a0908] [] [] [] ",
		},
		"behind 1:1 NAT": {
			"external-ip=203.0.113.7/10.0.0.7\nlistening-ip=10.0.0.7\nmin-port=49160\nmax-port=49200\nfingerprint\nlt-cred-mech\nuser=guest:a password that is long\nrealm=example.org\nverbose\nno-cli\n",
			"[10.0.0.7:3478] [10.0.0.7:3478] [] [] [guest:a password that is long] [203.0.113.7] [10.0.0.7] 49160-49200",
		},
		"as Windows writes it": {
			"# comment\r\n\r\nuse-auth-secret\r\nstatic-auth-secret=0f0e0d0c0b0a0908\r\nrealm=example.org\r\n",
			"[:3478] [:3478] [] [0f0e0d0c0b0a0908] [] [] [] ",
		},
		"cert and pkey in one line, with typographic quotes": {
			secret + "cert=“/etc/cert.pem” pkey=“/etc/key.pem”\n",
			"f:2: cert: another key stands behind the value on the same line; put it on a line of its own|f:2: cert: it needs its key, pkey",
		},
		"users, a database, a short secret and a mix of addresses": {
			"user=ann:hidden\nuse-auth-secret\nstatic-auth-secret=hidden\nmysql-userdb=\"host=hidden\"\nexternal-ip=203.0.113.7/10.0.0.7\nexternal-ip=203.0.113.8\nno-auth=off\nserver-relay=0\n",
			"f:3: static-auth-secret: the secret has 6 bytes, at least 16 are needed; head -c 32 /dev/urandom | base64 makes a good one|" +
				"f:4: mysql-userdb: users and secrets of a database are not read; use static-auth-secret or user, or the flags --turn-secret or --turn-user|" +
				"f:6: external-ip: one without a local address beside others that have one; write public/local in all of them",
		},
	} {
		c, err := Parse("f", strings.NewReader(tc.text), nil)
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), "\n", "|")
		} else {
			got = fmt.Sprint(c.UDP, c.TCP, c.TLS, c.Secrets, c.Users, c.PublicIPs, c.RelayIPs, " ", c.RelayPorts)
			tc.want = strings.Join(strings.Fields(tc.want), " ")
			got = strings.Join(strings.Fields(got), " ")
		}
		if got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}
