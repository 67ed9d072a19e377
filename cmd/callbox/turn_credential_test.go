package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const testTURNSecret = "north-north-north"

// TestTurnCredential checks the format independently, because other servers rely on it.
func TestTurnCredential(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	writeFile(t, data+"/"+turnSecretFile, "# the first signs\n"+testTURNSecret+"\nsouth-south-south\n")
	for _, tc := range []struct {
		name string
		args []string
		user string // "" = any
		ttl  time.Duration
	}{
		{"stored", []string{"--data", data}, "", 10 * time.Minute},
		{"given", []string{"--turn-secret", testTURNSecret, "--user", "ann", "--ttl", "1h"}, "ann", time.Hour},
		{"of a file", []string{"--turn-secret", "@" + data + "/" + turnSecretFile, "--user", "@bo:example.org"}, "@bo:example.org", 10 * time.Minute},
	} {
		before := time.Now().Add(tc.ttl).Truncate(time.Second)
		code, stdout, stderr := runToEnd(t, noEnv, append([]string{"turn-credential", "--json", "--url", "turn:a.example:3478?transport=udp", "--url", "turns:a.example"}, tc.args...)...)
		after := time.Now().Add(tc.ttl)
		var made madeCredential
		if err := json.Unmarshal([]byte(stdout), &made); err != nil || code != exitOK || stderr != "" {
			t.Errorf("%s: exit code %d, %q, %q, %v", tc.name, code, stdout, stderr, err)
			continue
		}
		digits, user, _ := strings.Cut(made.Username, ":")
		seconds, err := strconv.ParseInt(digits, 10, 64)
		if expiry := time.Unix(seconds, 0); err != nil || expiry.Before(before) || expiry.After(after) {
			t.Errorf("%s: good until %s, want between %v and %v", tc.name, digits, before, after)
		}
		if tc.user != "" && user != tc.user || user == "" {
			t.Errorf("%s: of user %q, want %q", tc.name, user, tc.user)
		}
		mac := hmac.New(sha1.New, []byte(testTURNSecret))
		mac.Write([]byte(made.Username))
		if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); made.Credential != want {
			t.Errorf("%s: password %s, want %s", tc.name, made.Credential, want)
		}
		if made.TTL != int64(tc.ttl/time.Second) || !slices.Equal(made.URLs, []string{"turn:a.example:3478?transport=udp", "turns:a.example"}) {
			t.Errorf("%s: %+v", tc.name, made)
		}
	}
	_, one, _ := runToEnd(t, noEnv, "turn-credential", "--data", data)
	_, two, _ := runToEnd(t, noEnv, "turn-credential", "--data", data)
	if !strings.HasPrefix(one, "user name    1") || !strings.Contains(one, "\npassword     ") || !strings.Contains(one, "\nvalid until  20") || one == two {
		t.Errorf("for a person: %q, and again %q", one, two)
	}
}

func TestTurnCredentialFaults(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for _, tc := range []struct {
		args []string
		want []string // a line each
	}{
		{[]string{"--ttl", "0s", "--user", "a b", "--url", "https://a.example", "--turn-secret", "short"}, []string{
			"--ttl: 0s is not between", `--user: "a b" is not`, `--url: "https://a.example" is not`, "--turn-secret: a secret has 5 bytes, at least 16",
		}},
		{[]string{"--ttl", "soon"}, []string{`--ttl: "soon" is not a duration`}},
		{[]string{"--user", strings.Repeat("a", 257), "--turn-secret", testTURNSecret}, []string{"--user: "}},
		{[]string{"--data", data}, []string{"--turn-secret: there is none in " + data + "; start callbox turn"}},
		{nil, []string{"--turn-secret: there is no home folder"}},
	} {
		code, stdout, stderr := runToEnd(t, noEnv, append([]string{"turn-credential"}, tc.args...)...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "callbox: ") != len(tc.want) {
			t.Errorf("%q: exit code %d, %q, %q; want %d and %d faults", tc.args, code, stdout, stderr, exitUsage, len(tc.want))
		}
		for _, want := range tc.want {
			if !strings.Contains(stderr, "callbox: "+want) {
				t.Errorf("%q: standard error does not say %q:\n%s", tc.args, want, stderr)
			}
		}
	}
}
