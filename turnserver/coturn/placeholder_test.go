package coturn

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
)

// TestPlaceholders checks that placeholders for a secret or a realm are refused with their line, and that
// errors do not contain them.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	both := []string{
		"${TURN_SECRET:?TURN_SECRET must be set in .env}", "${TURN_SECRET}", "${turn_secret:-}", "prefix-${TURN_SECRET}-0123", "$TURN_SECRET", "$turn_secret_value", "$$TURN_SECRET", "x$TURN_SECRET_0123456",
		"$(openssl rand -hex 32)", "$(cat /run/secrets/turn)", "`openssl rand -hex 32`", "openssl rand -hex 32", "%TURN_SECRET%", "%TURN_SECRET", "%%TURN_SECRET%%", "%(turn_secret)s", "%{turn_secret}",
		"{{ turn_secret }}", "{{turn_secret}}", "{{ .Values.turn.secret }}", "{% secret %}", "<%= secret %>", "#{turn.secret}#", "{turn_secret}", "[your secret here]", "[TURN_SECRET]",
		"<your secret>", "<your-secret-key>", "<secret>", "<TURN_SECRET>", "turn-<secret>-0123456789", "__x__", "__TURN_SECRET__", "__turn-secret__", "@@TURN_SECRET@@", "##TURN_SECRET##",
		"CHANGE_THIS_TO_A_SECURE_RANDOM_SECRET", "changeme", "CHANGEME", "ChangeMe", "change-me", "change_me", "change me please now", "changeme12345678901", "changeit", "PLEASE_CHANGE_ME", "please-change-this-secret",
		"ToBeChanged", "to_be_changed_0123456789", "this-should-be-changed", "ChangeThisSecret1234", "secret-change-me", "CHANGE-IN-PRODUCTION", "dev-secret-change-in-production", "REPLACEME", "REPLACE_ME", "replace-with-your-secret",
		"REPLACE_WITH_OPENSSL_RAND_HEX_32", "replaceThis", "replace-this-secret", "your-secret-here", "YOUR_SECRET_HERE", "secret-goes-here", "insert-your-secret-here", "INSERT_SECRET_HERE", "enter-a-long-secret", "paste here",
		"TODO", "TODO: make a secret", "todo-set-a-real-secret", "FIXME", "placeholder", "some-placeholder-value", "xxxx", "xxxxxxxxxxxxxxxx", "XXXXXXXXXXXXXXXX", "xxxx-xxxx-xxxx-xxxx", "****************", "................", "abcdef...", "…",
		"vault://turn/secret", "op://vault/turn/secret", "file:/run/secrets/turn", "/run/secrets/turn_secret", "env:TURN_SECRET_NAME", "ENC[AES256_GCM,data:abc]",
		"0f0e0d0c0b0a09080706050403020100 #openssl", "0f0e0d0c0b0a09080706050403020100\t# openssl", "0f0e0d0c0b0a09080706050403020100 //openssl rand -hex 32", "0f0e0d0c0b0a09080706050403020100 // x", "0f0e0d0c0b0a09080706050403020100 ; x",
		"0f0e0d0c0b0a09080706050403020100 ;x", "0f0e0d0c0b0a09080706050403020100; x", "0f0e0d0c0b0a09080706050403020100 /* x */", "0f0e0d0c0b0a09080706050403020100 <!-- x -->", "0f0e0d0c0b0a09080706050403020100 -- x",
		"SOMESECURETEXT0123 #REPLACEME", "\"0f0e0d0c0b0a09080706050403020100\" # x", "0f0e0d0c0b0a09080706050403020100 realm=example.org", "0f0e0d0c0b0a09080706050403020100 cert=/etc/cert.pem",
		"“0f0e0d0c0b0a09080706050403020100”", "„0f0e0d0c0b0a09080706050403020100“", "‘0f0e0d0c0b0a09080706050403020100’", "0f0e0d0c0b0a0908\u200b0706050403020100", "0f0e0d0c0b0a0908\u00a00706050403020100",
	}
	secrets := []string{
		"your.domain.org secret", "yourSecretKey123456", "YOUR_TURN_SECRET", "my-super-secret-password", "static-auth-secret", "TURN_SECRET", "COTURN_STATIC_AUTH_SECRET", "mysecretpassword", "a-long-random-secret",
		"0000000000000000", "aaaaaaaaaaaaaaaa", "abababababababab",
	}
	refuses := func(key, value, more string) {
		t.Helper()
		_, err := Parse("f", strings.NewReader("\n"+key+value+"\n"+more), nil)
		if err == nil || !strings.HasPrefix(err.Error(), "f:2: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s%s: %v", key, value, err)
		} else if len(value) > 4 && !strings.HasPrefix(key, value) && strings.Contains(err.Error(), value) {
			t.Errorf("the value is told: %v", err)
		}
	}
	for _, value := range both {
		refuses("static-auth-secret=", value, "")
		refuses("realm=", value, secret)
		refuses("user=ann:", value, "")
	}
	for _, value := range secrets {
		refuses("static-auth-secret=", value, "")
		refuses("user=ann:", value, "")
	}
}

// TestRealSecrets checks that generated secrets, and usual realms, are accepted.
func TestRealSecrets(t *testing.T) {
	t.Parallel()
	good := []string{
		"north-north-north", "0123456789abcdef", "a secret that only tests know of", "correct horse battery staple", "abc#def;ghi\"jkl mno", "0123456789#abcdef", "0123456789//abcdef", "a//b;c#d%e$f&g<h>i", "it's a passphrase of ours",
		"p4$$w0rd-of-the-relay-7", "100%-sure-this-is-fine", "[x]-{y}-(z)-0123456789", "exchange-rates-of-1984", "irreplaceable-mind-42", "tomato-door-todoroff", "0123456789abcdef=", "ab__cd__ef__gh__ij__",
	}
	const printable = "!\"#$%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
	for range 300 {
		b := make([]byte, 32)
		_, _ = rand.Read(b)
		good = append(good, hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b), base32.StdEncoding.EncodeToString(b), rand.Text())
	}
	for _, value := range good {
		c, err := Parse("f", strings.NewReader("static-auth-secret="+value+"\n"), nil)
		if err != nil || len(c.Secrets) != 1 || c.Secrets[0] != value {
			t.Errorf("%s: %v", value, err)
		}
	}
	// Of secrets of any printable characters a few in ten thousand look like
	// something else; they are told, and can be made anew.
	const tries = 3000
	refused, f := 0, &file{table: byName()}
	for range tries {
		b := make([]byte, 24)
		for i := range b {
			n, err := rand.Int(rand.Reader, big.NewInt(int64(len(printable))))
			if err != nil {
				t.Fatal(err)
			}
			b[i] = printable[n.Int64()]
		}
		if f.checkPlaceholder(string(b), true) != nil {
			refused++
		}
	}
	if refused > tries/100 {
		t.Errorf("%d of %d random secrets are refused", refused, tries)
	}
	for _, realm := range []string{"example.org", "your.domain.org", "turn.change.example", "a realm", "callbox", "Zürich", "north.gov", "meet.example.com", "localhost", "exchange"} {
		if c, err := Parse("f", strings.NewReader(secret+"realm="+realm+"\n"), nil); err != nil || c.Realm != realm {
			t.Errorf("realm %s: %v", realm, err)
		}
	}
}
